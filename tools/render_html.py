"""The course as plain pages: every notebook as committed, with its pictures, to read where nothing runs.

    python tools/render_html.py        build/html, from any file server or opened as files

    index.html                  the chapters, and a search over every heading, paragraph and command
    notebooks/, exercises/      nbconvert's pages, with the outputs that are committed
    minidis/, docs/ ...         the code and the documents that they link to, coloured

Nothing is fetched from elsewhere: no fonts, no scripts.
"""

from __future__ import annotations

import html
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from string import Template
from typing import Any

import nbformat
from nbconvert import HTMLExporter
from nbconvert.filters.markdown_mistune import markdown2html_mistune
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_for_filename
from traitlets.config import Config

PROJECT = Path(__file__).resolve().parent.parent
OUTPUT = PROJECT / "build/html"

FROM_ELSEWHERE = ("mathjax_url", "jquery_url", "require_js_url", "mermaid_js_url", "widget_renderer_url")
LINK = re.compile(r'(?<=href=")([^":#]+\.(?:ipynb|py|js|md|lua))(?=["#])')

PAGE = Template("""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>$title</title>
<style>
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}
pre{overflow-x:auto;font-size:14px}
table{border-collapse:collapse}
td,th{border:1px solid #bbb;padding:.2rem .5rem}
$style</style></head><body><p><a href="$top">minidis, the course</a></p><h1>$title</h1>
$body
</body></html>
""")

INDEX = Template("""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>minidis, the course</title>
<style>body{font:17px/1.55 system-ui,sans-serif;max-width:46rem;margin:2rem auto;padding:0 1rem}
input{font:inherit;width:100%;padding:.4rem;box-sizing:border-box}#found li{margin:.5rem 0}
body{background:#fff;color:#1b1b1b}</style></head><body><main>
<h1>minidis: a Redis you can open</h1>
<p>The course as it is committed, to read without running it. To run it: <code>make lab</code>.</p>
<label for="words">Search the chapters: words, commands, questions</label>
<input id="words" type="search" autocomplete="off">
<p id="count" role="status"></p><ol id="found"></ol>
<h2>Chapters and their exercises</h2>
$chapters
</main>
<script type="application/json" id="passages">$passages</script>
<script>
const passages = JSON.parse(document.getElementById('passages').textContent);
const words = document.getElementById('words'), found = document.getElementById('found');
words.addEventListener('input', () => {
  const wanted = words.value.toLowerCase().split(/\\s+/).filter(Boolean);
  const hits = wanted.length
    ? passages.filter(([, title, text]) => {
        const passage = (title + ' ' + text).toLowerCase();
        return wanted.every(word => passage.includes(word));
      })
    : [];
  document.getElementById('count').textContent = wanted.length ? hits.length + ' passages' : '';
  found.replaceChildren(...hits.slice(0, 50).map(([address, title, text]) => {
    const item = document.createElement('li'), link = document.createElement('a');
    link.href = address;
    link.textContent = title;
    const at = Math.max(0, text.toLowerCase().indexOf(wanted[0]) - 60);
    item.append(link, document.createElement('br'), text.slice(at, at + 200));
    return item;
  }));
});
</script></body></html>
""")


def main() -> None:
    shutil.rmtree(OUTPUT, ignore_errors=True)
    paths = [
        *sorted(PROJECT.glob("notebooks/*.ipynb")),
        *sorted(PROJECT.glob("exercises/[0-9]*/*.ipynb")),
    ]
    notebooks = {path: nbformat.read(path, as_version=4) for path in paths}
    passages, wanted = [], set[Path]()
    for path, notebook in notebooks.items():
        passages += list(passages_of(notebook, address_of(path)))
        index = "../" * address_of(path).count("/") + "index.html"
        wanted |= write_page(path, notebook_page(notebook, index))
    written = set(notebooks)
    while wanted - written:  # documents link to further ones
        path = min(wanted - written)
        written.add(path)
        if path.is_file():
            wanted |= write_page(path, document_page(path))
    write_index(notebooks, passages)
    print(f"{OUTPUT / 'index.html'}: {len(written)} pages, {len(passages)} passages")


def address_of(path: Path) -> str:
    """Where the page of a file of this folder stands, from the index."""
    relative = path.relative_to(PROJECT).as_posix()
    return relative.removesuffix(".ipynb") + ".html"


def write_page(path: Path, page: str) -> set[Path]:
    """Write the page of `path`, its links leading to pages; the files of this folder that they lead to."""
    targets = set()

    def to_page(match: re.Match[str]) -> str:
        target = (path.parent / match[1]).resolve()
        if not target.is_relative_to(PROJECT) or not target.exists():
            return match[1]
        targets.add(target)
        return match[1].removesuffix(".ipynb") + ".html"

    target = OUTPUT / address_of(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(LINK.sub(to_page, page), encoding="utf-8")
    return targets


# nbconvert's own prompts, numbers, operators and comments are too pale to read, and its links are told by
# colour alone.
READABLE = """<style>
.jp-InputPrompt, .jp-OutputPrompt { color: #6b6b6b !important; opacity: 1 !important }
.highlight .mi, .highlight .mf { color: #007a00 }
.highlight .ow { color: #9a1ae6 }
.highlight .c1 { color: #367070 }
.jp-RenderedHTMLCommon :is(p, li, td) a { text-decoration: underline }
.course { padding: 8px 16px; font: 15px system-ui, sans-serif }
</style>"""
WAY_BACK = '<nav class="course" aria-label="course"><a href="{index}">minidis: chapters and search</a></nav>'


def notebook_page(notebook: Any, index: str = "../index.html") -> str:
    colours = json.loads((PROJECT / "minidis/notebook/nbconvert.json").read_text(encoding="utf-8"))
    config = Config({"HTMLExporter": dict.fromkeys(FROM_ELSEWHERE, ""), **colours})
    page, _ = HTMLExporter(config=config).from_notebook_node(notebook)
    page = page.replace("</head>", f"{READABLE}</head>", 1)
    return page.replace("<main>", f"{WAY_BACK.format(index=index)}<main>", 1)


def document_page(path: Path) -> str:
    """A document or a piece of code, coloured, its lines numbered and linkable (`#line-12`)."""
    text = path.read_text(encoding="utf-8")
    style = ""
    if path.suffix == ".md":
        body = markdown2html_mistune(text)
    else:
        formatter = HtmlFormatter(linenos="table", lineanchors="line", anchorlinenos=True)
        body = highlight(text, get_lexer_for_filename(path.name), formatter)
        style = formatter.get_style_defs()
    top = "../" * (len(path.relative_to(PROJECT).parts) - 1) + "index.html"
    title = html.escape(path.relative_to(PROJECT).as_posix())
    return PAGE.substitute(title=title, style=style, top=top, body=body)


def passages_of(notebook: Any, address: str) -> Iterator[tuple[str, str, str]]:
    """What a search can find: address, heading above, text; one for each cell."""
    heading, anchor = "", ""
    for cell in notebook.cells:
        found = re.search(r"^#+ (.*)$", cell.source, re.MULTILINE) if cell.cell_type == "markdown" else None
        if found:
            heading, anchor = re.sub(r"[`*]", "", found[1]), found[1].replace(" ", "-").replace("`", "")
        yield f"{address}#{anchor}", heading, cell.source


def write_index(notebooks: dict[Path, Any], passages: list[tuple[str, str, str]]) -> None:
    rows = []
    for path, notebook in notebooks.items():
        first = notebook.cells[0].source.partition("\n")[0].lstrip("# ")
        link = f'<a href="{html.escape(address_of(path))}">{html.escape(first)}</a>'
        is_chapter = path.parent.name == "notebooks"
        rows.append((path.name[:2] if is_chapter else path.parent.name[:2], not is_chapter, link))
    chapters = "\n".join(
        f"<p>{'&nbsp;' * 6 if is_exercise else ''}{link}</p>" for _, is_exercise, link in sorted(rows)
    )
    # "<" as an escape of JSON: no text of a cell can end the script element.
    data = json.dumps(passages, ensure_ascii=False).replace("<", "\\u003c")
    (OUTPUT / "index.html").write_text(INDEX.substitute(chapters=chapters, passages=data), encoding="utf-8")


if __name__ == "__main__":
    main()
