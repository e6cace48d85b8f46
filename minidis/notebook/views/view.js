// The live half of view.py: shows the SVG that Python drew and tells Python what the reader does.
//
// model.svg       the picture            model.message   a sentence for the reader (an error, a hint)
// model.controls  buttons, sliders ...   model.captions  one sentence per step of an animation
// model.polling   ask for a new drawing every second (a running clock)
//
// Messages to Python: {id, value}; "open" and "close" say whether anyone looks, so that nobody pays otherwise.

const make = (tag, attributes = {}, ...children) => {
  const element = document.createElement(tag);
  Object.assign(element, attributes);
  element.append(...children);
  return element;
};

function isDark() {
  const theme = document.body.dataset.jpThemeLight;
  return theme === undefined ? matchMedia("(prefers-color-scheme: dark)").matches : theme === "false";
}

// -- controls: kept while their description stays the same, so that a drag or the focus survives a drawing

function makeControl(spec, send) {
  if (spec.type === "button") {
    return make("button", { type: "button", onclick: () => send(spec.id, null) });
  }
  const input = make(spec.type === "select" ? "select" : "input");
  if (spec.type === "slider") input.type = "range";
  if (spec.type === "toggle") input.type = "checkbox";
  if (spec.type === "text") input.type = "text";
  const tell = () => {
    send(spec.id, spec.type === "toggle" ? input.checked : spec.type === "slider" ? Number(input.value) : input.value);
  };
  if (spec.type === "text") listenToText(input, tell);
  else input.addEventListener("change", tell);
  const wrapper = make("label", {}, make("span"), input);
  if (spec.type === "slider") {
    const output = make("output");
    input.addEventListener("input", () => { output.value = input.value + (spec.unit || ""); });
    wrapper.append(output);
  }
  return wrapper;
}

// Inside JupyterLab, Enter in a text field makes no "change" event as it does elsewhere: so it is listened to itself.
function listenToText(input, tell) {
  let told = null;
  const tellOnce = () => {
    if (input.value !== told) tell();
    told = input.value;
  };
  input.addEventListener("focus", () => { told = input.value; });
  input.addEventListener("change", tellOnce);
  input.addEventListener("keydown", (event) => { if (event.key === "Enter") tellOnce(); });
}

function updateControl(element, spec) {
  element.title = spec.title || "";
  if (spec.type === "button") {
    element.textContent = spec.label;
    element.disabled = Boolean(spec.disabled);
    return;
  }
  const input = element.querySelector("input,select");
  element.querySelector("span").textContent = spec.label;
  input.disabled = Boolean(spec.disabled);
  if (spec.type === "select") {
    input.replaceChildren(...spec.options.map((option) => make("option", { textContent: option })));
  }
  if (spec.type === "slider") Object.assign(input, { min: spec.min, max: spec.max, step: spec.step });
  if (spec.type === "toggle") input.checked = spec.value;
  else if (input !== document.activeElement || spec.type !== "text") input.value = spec.value;
  if (spec.type === "slider") element.querySelector("output").value = spec.value + (spec.unit || "");
}

function drawControls(bar, specs, send) {
  const wanted = specs.map((spec) => spec.type + ":" + spec.id);
  if (bar.dataset.made !== wanted.join()) {
    bar.replaceChildren(...specs.map((spec) => makeControl(spec, send)));
    bar.dataset.made = wanted.join();
  }
  specs.forEach((spec, index) => updateControl(bar.children[index], spec));
  bar.hidden = specs.length === 0;
}

// -- the picture

function drawPicture(figure, source) {
  // Parsed as XML, not as HTML: a script that a drawing might smuggle in does not run.
  const picture = new DOMParser().parseFromString(source, "image/svg+xml").documentElement;
  if (picture.nodeName !== "svg") return;
  picture.setAttribute("role", "group"); // an image has no parts; these can be reached one by one
  const before = new Map();
  for (const element of figure.querySelectorAll("[data-key]")) before.set(element.dataset.key, element.innerHTML);
  const focused = figure.contains(document.activeElement) ? address(document.activeElement) : null;
  const drawn = document.importNode(picture, true);
  drawn.querySelectorAll("[data-event] > line").forEach(broaden);
  figure.replaceChildren(drawn);
  for (const element of figure.querySelectorAll("[data-key]")) {
    if (before.size && before.get(element.dataset.key) !== element.innerHTML) element.classList.add("changed");
  }
  if (focused) [...figure.querySelectorAll("[tabindex]")].find((element) => address(element) === focused)?.focus();
}

function broaden(line) {
  // A thin line can be clicked on only by luck: beside it lies one that is broad, and not to be seen.
  const broad = line.cloneNode();
  broad.removeAttribute("stroke-dasharray");
  broad.setAttribute("stroke-width", 16);
  broad.setAttribute("stroke-opacity", 0);
  line.after(broad);
}

const address = (element) => [element.dataset.event, element.dataset.value, element.dataset.key, element.dataset.note].join("|");

function listenToPicture(figure, note, send) {
  const show = (event) => {
    const target = event.target.closest?.("[data-note]");
    if (target) note.textContent = target.dataset.note;
  };
  const act = (event) => {
    if (event.type === "keydown" && event.key !== "Enter" && event.key !== " ") return;
    const target = event.target.closest?.("[data-event]");
    if (!target) return;
    event.preventDefault();
    send(target.dataset.event, target.dataset.value);
  };
  figure.addEventListener("mouseover", show);
  figure.addEventListener("focusin", show);
  figure.addEventListener("click", act);
  figure.addEventListener("keydown", act);
}

// -- the animation: shapes of a later step are hidden, those of the present step stand out

function makePlayer(figure, note) {
  const slider = make("input", { type: "range", min: 0, ariaLabel: "step of the animation" });
  const play = make("button", { type: "button", textContent: "▶ play" });
  const bar = make("div", { className: "bar" }, play, slider);
  let captions = [];
  let timer = null;
  const show = () => {
    const now = Number(slider.value);
    for (const shape of figure.querySelectorAll("[data-step]")) {
      const step = Number(shape.dataset.step);
      shape.classList.toggle("later", step > now);
      shape.classList.toggle("now", step === now);
    }
    if (captions.length) note.textContent = now === 0 ? "before the first step" : `${now} of ${captions.length}: ${captions[now - 1]}`;
  };
  const stop = () => { clearInterval(timer); timer = null; play.textContent = "▶ play"; };
  const start = () => {
    if (Number(slider.value) >= captions.length) slider.value = 0;
    show();
    play.textContent = "❚❚ pause";
    timer = setInterval(() => {
      slider.value = Number(slider.value) + 1;
      show();
      if (Number(slider.value) >= captions.length) stop();
    }, 900);
  };
  play.onclick = () => (timer ? stop() : start());
  slider.oninput = () => { stop(); show(); };
  return {
    bar, stop,
    update(texts) {
      const changed = texts.join() !== captions.join();
      captions = texts;
      bar.hidden = !texts.length;
      slider.max = texts.length;
      if (changed) { stop(); slider.value = texts.length; }
      if (texts.length) show();
    },
  };
}

// Arrow keys move a slider, not JupyterLab's selected cell. It asks the element that has the focus, before those around it.
function keepKeys(root) {
  for (const element of [root, ...root.querySelectorAll("button, input, select, [tabindex]")]) {
    element.dataset.lmSuppressShortcuts = "true";
  }
}

function render({ model, el }) {
  const send = (id, value) => model.send({ id, value });
  const bar = make("div", { className: "bar" });
  const figure = make("div", { className: "figure" });
  const note = make("div", { className: "note" });
  note.setAttribute("aria-live", "polite");
  const player = makePlayer(figure, note);
  const root = make("div", { className: "minidis-view" }, bar, player.bar, figure, note);
  root.dataset.answers = 0; // of the kernel, for who waits for one
  el.append(root);
  listenToPicture(figure, note, send);

  const theme = () => { root.classList.toggle("dark", isDark()); root.classList.toggle("light", !isDark()); };
  const answer = () => { root.dataset.answers = Number(root.dataset.answers) + 1; };
  const draw = () => {
    answer();
    drawPicture(figure, model.get("svg"));
    drawControls(bar, model.get("controls"), send);
    player.update(model.get("captions"));
    keepKeys(root);
  };
  const say = () => {
    answer();
    note.textContent = model.get("message");
  };
  theme();
  draw();
  model.on("change:svg change:controls change:captions", draw);
  model.on("change:message", say);
  const watcher = new MutationObserver(theme);
  watcher.observe(document.body, { attributes: true, attributeFilter: ["data-jp-theme-light", "class"] });
  const poll = setInterval(() => {
    if (model.get("polling") && document.visibilityState === "visible" && figure.offsetParent) send("poll", null);
  }, 1000);
  send("open", null);
  return () => {
    clearInterval(poll);
    player.stop();
    watcher.disconnect();
    model.off("change:svg change:controls change:captions", draw);
    model.off("change:message", say);
    send("close", null);
  };
}

export default { render };
