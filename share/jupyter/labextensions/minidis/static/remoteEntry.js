/* Colours for Redis commands inside `%%redis` cells and behind `%redis`, in JupyterLab, Notebook 7 and JupyterLite.
 *
 * A federated extension is a "container" of module federation: an object with init(scope) and get(name), put
 * into window._JUPYTERLAB under the package's name.  A bundler usually writes it; by hand it is this one file,
 * and there is nothing to build.  CodeMirror comes from the modules that JupyterLab shares, so that the editor's
 * own classes are used and nothing is loaded twice.
 *
 * The rules are those of minidis/notebook/language.py.
 */
(() => {
  'use strict';

  let scope; // name -> version -> { get }: what JupyterLab shares

  const shared = async name => {
    const versions = Object.values(scope[name] ?? {});
    if (!versions.length) throw new Error(`minidis: this JupyterLab does not share ${name}`);
    return (await versions.at(-1).get())();
  };

  const MAGIC = /^\s*%%redis\b.*/;
  const LINE_MAGIC = /^(\s*(?:[^\W\d][\w.]*\s*=\s*)?%redis\b)(.*)/u;
  const PIECES = [
    ['variable', /\$[A-Za-z_]\w*|\$\{[^}]*\}/y],
    ['string', /"(?:\\.|[^"\\])*"?|'(?:\\'|[^'])*'?/y],
    ['number', /[([]?[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?(?=\s|$)|[+-]?inf(?=\s|$)/y],
    ['option', /[A-Z]{2,}(?=\s|$)/y],
    ['word', /[^\s"'$]+|\$/y]
  ];
  const OWNED_HASH = /(?:\bGET\s+#|\b[ui]\d+\s+#\d+)$/i; // SORT ... GET #  and  BITFIELD ... u8 #2

  /* The coloured pieces of one line, [kind, from, to] each; returns whether the next line continues it. */
  function colourLine(line, continued, emit) {
    let position = 0;
    let expectCommand = !continued;
    if (/^\s*[+-]?\d+\s+[^\s#]/.test(line) && expectCommand) {
      position = line.match(/^\s*[+-]?\d+/)[0].length; // a repeat count
      emit('number', 0, position);
    }
    const client = expectCommand && line.slice(position).match(/^\s*@\w+(?=\s)/); // whose line it is
    if (client) {
      emit('variable', position, position + client[0].length);
      position += client[0].length;
    }
    while (position < line.length) {
      if (/\s/.test(line[position])) {
        position++;
        continue;
      }
      const before = line[position - 1] ?? ' ';
      if (line[position] === '#' && /[\s"']/.test(before)) {
        const word = line.slice(position).match(/^\S+/)[0];
        if (!OWNED_HASH.test(line.slice(0, position) + word)) {
          emit('comment', position, line.length);
          return false;
        }
      }
      if (line[position] === '\\' && /^\\\s*$/.test(line.slice(position))) {
        emit('option', position, position + 1);
        return true;
      }
      for (const [kind, pattern] of PIECES) {
        pattern.lastIndex = position;
        const match = pattern.exec(line);
        if (!match) continue;
        const inWord = !/\s/.test(before);
        const plain = inWord && (kind === 'number' || kind === 'option');
        emit(expectCommand ? 'command' : plain ? 'word' : kind, position, pattern.lastIndex);
        position = pattern.lastIndex;
        break;
      }
      if (/\s/.test(line[position] ?? ' ')) expectCommand = false;
    }
    return false;
  }

  /* Every coloured piece of a document, in order. */
  function colourDocument(doc, emit) {
    let inCell = false;
    let continued = false;
    let started = false;
    for (let number = 1; number <= doc.lines; number++) {
      const { from, text } = doc.line(number);
      const paint = shift => (kind, start, end) => emit(kind, from + shift + start, from + shift + end);
      if (!started && !text.trim()) continue;
      if (!started && MAGIC.test(text)) {
        inCell = true;
        emit('magic', from, from + text.length);
      } else if (inCell) {
        continued = colourLine(text, continued, paint(0));
      } else {
        const match = LINE_MAGIC.exec(text);
        if (match) colourLine(match[2], false, paint(match[1].length));
      }
      started = true;
    }
  }

  const colour = name => ({ color: `var(--jp-mirror-editor-${name}-color)`, fontWeight: 'normal', fontStyle: 'normal' });
  const THEME = {
    '.cm-minidis-magic': colour('meta'),
    '.cm-minidis-command': { ...colour('keyword'), fontWeight: 'bold' },
    '.cm-minidis-option': colour('operator'),
    '.cm-minidis-string': colour('string'),
    '.cm-minidis-number': colour('number'),
    '.cm-minidis-variable': { ...colour('def'), fontWeight: 'bold' },
    '.cm-minidis-comment': { ...colour('comment'), fontStyle: 'italic' },
    '.cm-minidis-word': { ...colour('variable'), color: 'var(--jp-content-font-color1)' }
  };

  function redisColours({ Decoration, EditorView, ViewPlugin }, { Prec, RangeSetBuilder }) {
    const marks = {};
    for (const selector of Object.keys(THEME)) {
      const name = selector.slice(1);
      marks[name.replace('cm-minidis-', '')] = Decoration.mark({ class: name });
    }
    const decorate = view => {
      const builder = new RangeSetBuilder();
      colourDocument(view.state.doc, (kind, from, to) => {
        if (to > from) builder.add(from, to, marks[kind]);
      });
      return builder.finish();
    };
    const plugin = ViewPlugin.fromClass(
      class {
        constructor(view) {
          this.decorations = decorate(view);
        }
        update(update) {
          if (update.docChanged) this.decorations = decorate(update.view);
        }
      },
      { decorations: value => value.decorations }
    );
    // The highest precedence is the innermost span: our colours then lie over those of Python.
    return [Prec.highest(plugin), EditorView.theme(THEME)];
  }

  async function extension() {
    const [view, state, codemirror] = await Promise.all(
      ['@codemirror/view', '@codemirror/state', '@jupyterlab/codemirror'].map(shared)
    );
    const plugin = {
      id: 'minidis:redis-colours',
      description: 'Colours for Redis commands in %%redis cells.',
      autoStart: true,
      requires: [codemirror.IEditorExtensionRegistry],
      activate: (app, registry) => {
        const colours = redisColours(view, state);
        registry.addExtension({
          name: 'minidis-redis-colours',
          factory: () => codemirror.EditorExtensionRegistry.createImmutableExtension(colours)
        });
      }
    };
    return { __esModule: true, default: plugin };
  }

  window._JUPYTERLAB = window._JUPYTERLAB ?? {};
  window._JUPYTERLAB.minidis = {
    init: sharedScope => {
      scope = sharedScope;
    },
    get: async name => {
      if (name !== './extension') throw new Error(`minidis has no module ${name}`);
      const loaded = await extension();
      return () => loaded;
    }
  };
})();
