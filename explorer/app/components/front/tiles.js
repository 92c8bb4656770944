const SMALL_PX = 160;
const [LEAST_REM, MOST_REM, GAP_REM] = [8.25, 15, 0.9]; // of a tile's width; between two tiles

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

function frameOf(tile) {
  const frame = element("div", { className: "frame" });
  frame.append(tile.src ? picture(tile.src, tile.alt) : element("div", { className: "empty", textContent: "?" }));
  if (tile.progress !== null) {
    const done = element("i");
    done.style.width = `${Math.round(tile.progress * 100)}%`;
    const bar = element("div", { className: "bar" }, done);
    bar.setAttribute("role", "progressbar");
    bar.setAttribute("aria-valuenow", Math.round(tile.progress * 100));
    frame.append(bar);
  }
  return frame;
}

function draw(tile, root) {
  const node = element(tile.href ? "a" : "div", { className: "tile" }, frameOf(tile));
  if (tile.companions.length) {
    node.append(element("div", { className: "companions" }, ...tile.companions.map((each) =>
      element("figure", {}, picture(each.src, each.title), each.title))));
  }
  node.append(element("span", { className: "title", textContent: tile.title }));
  for (const { text, tone } of tile.badges) {
    node.append(element("span", { className: `badge ${tone}`, textContent: text }));
  }
  if (tile.note) node.append(element("span", { className: "note", textContent: tile.note }));
  node.classList.toggle("hollow", tile.hollow);
  if (tile.href) {
    node.href = tile.href;
    node.title = "Open in Explore";
    node.onclick = (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
      event.preventDefault();
      root.open(tile.key);
    };
  }
  return node;
}

// As few columns as need no more rows: 7 tiles are 4 and 3, not 6 and a single one.
function balanced(count, most) {
  return Math.ceil(count / Math.ceil(count / most));
}

// All tiles have one width, whatever group they are in; a phone has two columns.
function arrange(root) {
  const width = root.clientWidth;
  if (!width) return;
  const rem = parseFloat(getComputedStyle(document.documentElement).fontSize);
  const gap = GAP_REM * rem;
  const most = Math.max(2, Math.floor((width + gap) / (LEAST_REM * rem + gap)));
  const grids = [...root.querySelectorAll(".grid")];
  const columns = Math.max(1, ...grids.map((grid) => balanced(grid.childElementCount, most)));
  const side = Math.min(MOST_REM * rem, (width - gap * (Math.max(2, columns) - 1)) / Math.max(2, columns));
  for (const grid of grids) {
    grid.style.gridTemplateColumns = `repeat(${balanced(grid.childElementCount, columns)}, ${side}px)`;
  }
}

export default function ({ data, parentElement, setTriggerValue }) {
  if (!data) return;
  const root = parentElement.querySelector(".tiles");
  const groups = JSON.parse(data.json);
  root.open = (key) => setTriggerValue("open", key);
  const shape = JSON.stringify(groups.map((group) => [group.title, group.tiles.length]));
  if (root.dataset.shape !== shape) {
    root.dataset.shape = shape;
    root.replaceChildren(...groups.flatMap((group) => [
      ...(group.title ? [element("h4", { textContent: group.title })] : []),
      element("div", { className: "grid" }, ...group.tiles.map(() => element("div"))),
    ]));
    root.drawn = [];
  }
  arrange(root);
  if (!root.observer) {
    root.observer = new ResizeObserver(() => arrange(root));
    root.observer.observe(root);
  }
  const tiles = groups.flatMap((group) => group.tiles);
  const places = root.querySelectorAll(".grid > *");
  tiles.forEach((tile, index) => {
    // A tile that stays is left alone: drawn anew with every look it would flicker.
    const text = JSON.stringify(tile);
    if (root.drawn[index] === text) return;
    root.drawn[index] = text;
    const node = draw(tile, root);
    const focused = places[index].contains(parentElement.activeElement || document.activeElement);
    places[index].replaceWith(node);
    if (focused) node.focus();
  });
}
