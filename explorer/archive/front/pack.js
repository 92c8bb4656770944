const by = (id) => document.getElementById(id);
const table = by("table");
const cards = [...table.children];
const numeric = new Set(["order", "distance"]);

function value(card, name) {
  const text = card.dataset[name];
  return numeric.has(name) ? (text === "" ? Infinity : Number(text)) : text;
}

function show() {
  const name = by("sort").value;
  const words = by("words").value.toLowerCase().split(/\s+/).filter(Boolean);
  const state = by("state").value;
  cards.sort((a, b) => {
    const [x, y] = [value(a, name), value(b, name)];
    const order = numeric.has(name) ? x - y : x.localeCompare(y, undefined, { numeric: true });
    return order || Number(a.dataset.order) - Number(b.dataset.order);
  });
  let shown = 0;
  for (const card of cards) {
    const fits = (!state || card.dataset.state === state)
      && words.every((word) => card.dataset.words.includes(word));
    card.hidden = !fits;
    shown += fits;
  }
  table.append(...cards);
  by("shown").textContent = shown === cards.length ? "" : `${shown} of ${cards.length} shown`;
}

by("controls").addEventListener("submit", (event) => event.preventDefault());
for (const id of ["sort", "state", "words"]) by(id).addEventListener("input", show);
by("size").addEventListener("input", () => {
  table.style.setProperty("--size", `${by("size").value}px`);
});
