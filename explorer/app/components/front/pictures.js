const VIEWS = [
  ["side", "Side by side"],
  ["slide", "Slider"],
  ["blink", "Blink"],
  ["difference", "Difference"],
  ["spectrum", "Spectrum"],
];
const SMALL_PX = 160;
const BLINK_MS = 800;

function element(name, properties, ...children) {
  const node = Object.assign(document.createElement(name), properties || {});
  node.append(...children);
  return node;
}

function picture(src, alt) {
  const image = element("img", { alt, draggable: false });
  image.onload = () => image.classList.toggle("small", image.naturalWidth <= SMALL_PX);
  image.src = src;
  return image;
}

function figure({ src, title, caption, alt, role }) {
  const frame = element("div", { className: "frame" });
  frame.append(src ? picture(src, alt) : element("div", { className: "empty", textContent: "?" }));
  const node = element("figure", {}, frame);
  node.dataset.role = role || "";
  node.append(
    element("figcaption", {},
      element("strong", { textContent: title }), element("span", { textContent: caption })),
  );
  return node;
}

function refresh(node, picture) {
  const image = node.querySelector("img");
  if (!image || !picture.src) return node.replaceWith(figure(picture));
  if (image.src !== picture.src) image.src = picture.src;
  image.alt = picture.alt;
  node.querySelector("strong").textContent = picture.title;
  node.querySelector("span").textContent = picture.caption;
}

function sideBySide(stage, data) {
  const drawn = stage.querySelector(".row.side");
  if (drawn && drawn.children.length === data.pictures.length) {
    // A picture that stays is left alone: drawn anew with every preview it would flicker.
    data.pictures.forEach((each, index) => refresh(drawn.children[index], each));
    return;
  }
  const row = element("div", { className: "row side" });
  if (data.pictures.length === 3) row.classList.add("three");
  row.style.setProperty("--count", data.pictures.length);
  row.append(...data.pictures.map(figure));
  stage.replaceChildren(row);
}

function iriAndTarget(data) {
  const withRole = (role) => data.pictures.find((each) => each.role === role);
  return [withRole("iri"), withRole("target")];
}

function slider(stage, data) {
  const [iri, target] = iriAndTarget(data);
  const over = picture(target.src, target.alt);
  const frame = element("div", { className: "frame" }, picture(iri.src, iri.alt), over);
  const range = element("input", { type: "range", min: 0, max: 100, value: 50 });
  range.setAttribute("aria-label", "How much of the target covers the IRI");
  const cut = () => { over.style.clipPath = `inset(0 0 0 ${100 - range.value}%)`; };
  range.oninput = cut;
  cut();
  const ends = element("div", { className: "ends" },
    element("span", { textContent: iri.title }), element("span", { textContent: target.title }));
  stage.replaceChildren(
    element("div", { className: "row single" }, element("div", {}, frame, range, ends)));
}

function blink(stage, data) {
  const [iri, target] = iriAndTarget(data);
  const over = picture(target.src, target.alt);
  const title = element("strong");
  const frame = element("div", { className: "frame" }, picture(iri.src, iri.alt), over);
  let isTarget = false;
  const swap = () => {
    isTarget = !isTarget;
    over.style.visibility = isTarget ? "visible" : "hidden";
    title.textContent = isTarget ? target.title : iri.title;
  };
  swap();
  stage.replaceChildren(element("div", { className: "row single" },
    element("figure", {}, frame, element("figcaption", {}, title))));
  const timer = setInterval(swap, BLINK_MS);
  return () => clearInterval(timer);
}

function difference(stage, data) {
  const [iri, target] = iriAndTarget(data);
  const node = figure({
    src: iri.src, title: "Difference", role: "",
    caption: "Black where the IRI and the target have the same colour.",
    alt: "Absolute difference of the IRI and the target",
  });
  const frame = node.querySelector(".frame");
  frame.classList.add("blended");
  frame.append(picture(target.src, ""));
  stage.replaceChildren(element("div", { className: "row single" }, node));
}

function spectrum(stage, data) {
  const titles = iriAndTarget(data).map((each) => each.title);
  const row = element("div", { className: "row pair" });
  row.append(...data.spectra.map((src, index) => figure({
    src, title: `${titles[index]}: spectrum`, role: "",
    caption: "Coarse structure in the middle, fine detail at the edges; bright means strong.",
    alt: `Power spectrum of the ${titles[index]}`,
  })));
  stage.replaceChildren(row);
}

const DRAW = { side: sideBySide, slide: slider, blink, difference, spectrum };

// The picture of a running job, and what is said of it, as live.js hears of them.
function follow(data, stage, redraw) {
  const iri = data.pictures.find((each) => each.role === "iri");
  const update = ({ caption, preview, spectrum, look }) => {
    const before = iri.src;
    Object.assign(iri, { caption, src: preview || iri.src });
    if (spectrum) data.spectra = [spectrum, data.target_spectrum];
    if (look && spectrum && !data.compare) {
      data.compare = true;
      return redraw();
    }
    if (stage.querySelector(".row.side")) return sideBySide(stage, data);
    for (const image of stage.querySelectorAll("img")) if (image.src === before) image.src = iri.src;
  };
  const listen = ({ detail }) => { if (detail.key === data.live) update(detail); };
  const known = document.iriLive && document.iriLive.get(data.live);
  if (known) update(known);
  document.addEventListener("iri-live", listen);
  return () => document.removeEventListener("iri-live", listen);
}

const ends = new WeakMap();

export default function (component) {
  const { parentElement } = component;
  const root = parentElement.querySelector(".pictures");
  const views = root.querySelector(".views");
  const stage = root.querySelector(".stage");
  if (!component.data) return;
  const data = JSON.parse(component.data.json);
  if (ends.has(parentElement)) ends.get(parentElement)();
  let stop;

  const draw = (view, focus) => {
    if (stop) stop();
    root.dataset.view = view;
    for (const button of views.children) {
      const on = button.dataset.view === view;
      button.setAttribute("aria-checked", on);
      button.tabIndex = on ? 0 : -1;
      if (on && focus) button.focus();
    }
    stop = DRAW[view](stage, data);
  };
  const show = () => {
    views.hidden = !data.compare && !data.reserve;
    views.replaceChildren(...VIEWS.map(([view, label], index) => {
      const button = element("button", { type: "button", textContent: label });
      button.dataset.view = view;
      button.setAttribute("role", "radio");
      button.disabled = !data.compare;
      button.onclick = () => draw(view);
      button.onkeydown = (event) => {
        const by = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
        if (!by) return;
        event.preventDefault();
        draw(VIEWS[(index + by + VIEWS.length) % VIEWS.length][0], true);
      };
      return button;
    }));
    draw(data.compare ? root.dataset.view || "side" : "side");
  };
  show();
  const unfollow = data.live ? follow(data, stage, show) : () => {};
  const end = () => { unfollow(); if (stop) stop(); };
  ends.set(parentElement, end);
  return end;
}
