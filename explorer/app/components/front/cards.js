const SMALL_PX = 160;

function element(name, properties, ...children) {
  const node = Object.assign(document.createElement(name), properties || {});
  node.append(...children);
  return node;
}

function picture(card) {
  if (!card.src) return element("div", { className: "empty", textContent: "?" });
  const image = element("img", { alt: card.alt, draggable: false });
  image.classList.toggle("small", card.px <= SMALL_PX);
  image.src = card.src;
  return image;
}

function draw(card, open, select) {
  const link = element("a", { className: "tile", href: card.href, title: card.hint },
    element("div", { className: "frame pair" }, picture(card)),
    element("span", { className: "title", textContent: card.title }),
    element("span", { className: "note", textContent: card.note }),
    ...card.badges.map(({ text, tone }) =>
      element("span", { className: `badge ${tone}`, textContent: text })));
  link.onclick = (event) => {
    // A plain click keeps the session; one with a key opens a tab.
    if (event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    open(card.key);
  };
  const box = element("input", { type: "checkbox", checked: card.selected });
  box.setAttribute("aria-label", `Select ${card.title}, ${card.note}`);
  box.onchange = () => {
    node.classList.toggle("selected", box.checked);
    select();
  };
  const node = element("div", { className: "card" }, link,
    element("label", { className: "select", title: "Select" }, box));
  node.dataset.key = card.key;
  node.classList.toggle("selected", card.selected);
  return node;
}

export default function ({ data, parentElement, setStateValue, setTriggerValue }) {
  if (!data) return;
  const root = parentElement.querySelector(".tiles");
  const open = (key) => setTriggerValue("open", key);
  const select = () => {
    const chosen = [...root.querySelectorAll(".card.selected")].map((card) => card.dataset.key);
    // With the time in it no choice is the same as the one before, which would be no change.
    setStateValue("selected", `${Date.now()}:${chosen.join(",")}`);
  };
  if (root.drawn === data.json) return;
  const before = root.drawn ? JSON.parse(root.drawn) : [];
  const cards = JSON.parse(data.json);
  const keys = (list) => list.map((card) => card.key).join();
  root.drawn = data.json;
  if (keys(before) === keys(cards)) {
    // The same page with another selection: what has the focus keeps it.
    cards.forEach((card, index) => {
      const node = root.firstChild.children[index];
      node.classList.toggle("selected", card.selected);
      node.querySelector("input").checked = card.selected;
    });
    return;
  }
  root.replaceChildren(element("div", { className: "grid" },
    ...cards.map((card) => draw(card, open, select))));
}
