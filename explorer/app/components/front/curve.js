// The falling curve while a job runs, drawn as explorer/plots/match.py draws the finished one.
const LIVE = "iri-live", REDRAW_MS = 500;
const LEAST_TOLD = 0.001, MOST_TICKS = 9, STEPS = [1, 2, 5];
const [HEIGHT, LEFT, RIGHT, TOP, BOTTOM] = [240, 62, 12, 12, 44];
const curves = new WeakMap();

function shape(name, attributes, text) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [each, value] of Object.entries(attributes)) node.setAttribute(each, value);
  if (text !== undefined) node.textContent = text;
  return node;
}

function stepTicks(most, room) {
  const about = most / Math.max(2, Math.floor(room / 90));
  const power = 10 ** Math.floor(Math.log10(Math.max(1, about)));
  const every = [1, 2, 5, 10].map((factor) => factor * power).find((each) => each >= about) || 1;
  return Array.from({ length: Math.floor(most / every) + 1 }, (_, index) => index * every);
}

function range(first, last) {
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, index) => first + index);
}

// Of an axis of logarithms from `low` to `high`: 1, 2, 5 of each power of ten; of many powers every
// so many, of a short range multiples of 1, 2 or 5 times a power of ten, at least two of them.
function distanceTicks(low, high) {
  const powers = range(Math.floor(low), Math.ceil(high));
  const within = (value) => Math.log10(value) >= low && Math.log10(value) <= high;
  const ticks = powers.flatMap((power) => STEPS.map((step) => step * 10 ** power)).filter(within);
  if (ticks.length > MOST_TICKS) {
    const whole = powers.filter((power) => power >= low && power <= high);
    const every = Math.ceil(whole.length / MOST_TICKS);
    return whole.filter((power) => power % every === 0).map((power) => 10 ** power);
  }
  if (ticks.length >= 2) return ticks;
  const [least, most] = [10 ** low, 10 ** high];
  for (let power = Math.ceil(high); ; power -= 1) {
    for (const step of [...STEPS].reverse()) {
      const every = step * 10 ** power;
      const found = range(Math.ceil(least / every), Math.floor(most / every));
      if (found.length >= 2) return found.map((count) => count * every);
    }
  }
}

function told(distance) {
  return distance < LEAST_TOLD ? `below ${LEAST_TOLD}` : distance.toFixed(3);
}

// Steps count on from the search before; of a new search its step 0 is the image before.
function allPoints(plot, points) {
  const fresh = points.filter(([step]) => step > 0 || !plot.before.length);
  return [...plot.before, ...fresh.map(([step, distance]) => [plot.steps_before + step, distance])];
}

function drawCurve(root, plot, points) {
  const width = root.clientWidth;
  if (!points.length || !width) return root.replaceChildren();
  const all = allPoints(plot, points);
  const levels = [...all.map(([, distance]) => distance), plot.goal].filter((value) => value > 0);
  const low = Math.log10(Math.min(...levels)) - 0.15, high = Math.log10(Math.max(...levels)) + 0.15;
  const x = (step) => LEFT + (width - LEFT - RIGHT) * Math.min(1, step / plot.budget);
  const y = (value) => TOP + (HEIGHT - TOP - BOTTOM) * (high - Math.log10(value)) / (high - low);
  const svg = shape("svg", { viewBox: `0 0 ${width} ${HEIGHT}`, role: "img" });
  const [step, distance] = all.at(-1);
  svg.setAttribute("aria-label",
    `Relative distance so far: ${told(distance)} at step ${step.toLocaleString("en")}`);
  for (const tick of distanceTicks(low, high)) {
    svg.append(shape("line", { x1: LEFT, x2: width - RIGHT, y1: y(tick), y2: y(tick) }));
    svg.append(shape("text", { x: LEFT - 8, y: y(tick) + 4, "text-anchor": "end" },
      String(Number(tick.toPrecision(3)))));
  }
  for (const tick of stepTicks(plot.budget, width - LEFT - RIGHT)) {
    svg.append(shape("text", { x: x(tick), y: HEIGHT - BOTTOM + 18, "text-anchor": "middle" },
      tick.toLocaleString("en")));
  }
  svg.append(shape("text", { x: (LEFT + width - RIGHT) / 2, y: HEIGHT - 6, "text-anchor": "middle" }, "step"));
  svg.append(shape("text", { "text-anchor": "middle",
    transform: `translate(14 ${(TOP + HEIGHT - BOTTOM) / 2}) rotate(-90)` }, "relative distance"));
  if (plot.goal > 0) {
    svg.append(shape("line", { class: "goal", x1: LEFT, x2: width - RIGHT, y1: y(plot.goal), y2: y(plot.goal) }));
    svg.append(shape("text", { class: "quiet", x: LEFT + 4, y: y(plot.goal) - 4 }, `goal ${plot.goal}`));
  }
  if (plot.steps_before) {
    const at = x(plot.steps_before);
    svg.append(shape("line", { class: "continued", x1: at, x2: at, y1: TOP, y2: HEIGHT - BOTTOM }));
    svg.append(shape("text", { class: "quiet", x: at + 4, y: TOP + 10 }, "continued"));
  }
  let path = "", isGap = true;
  for (const [at, value] of all) {
    // A distance of 0 has no place on the axis and is a gap.
    path += value > 0 ? `${isGap ? "M" : "L"}${x(at).toFixed(1)} ${y(value).toFixed(1)}` : "";
    isGap = !(value > 0);
  }
  svg.append(shape("path", { d: path }));
  root.replaceChildren(svg);
}

export default function ({ data, parentElement }) {
  if (!data) return;
  const plot = JSON.parse(data.json);
  const root = parentElement.querySelector(".curve");
  const old = curves.get(parentElement);
  if (old) old();
  const known = document.iriLive && document.iriLive.get(plot.key);
  let points = known ? known.points : plot.points, timer;
  const redraw = () => { timer = undefined; drawCurve(root, plot, points); };
  const follow = ({ detail }) => {
    if (detail.key !== plot.key || detail.points.length === points.length) return;
    points = detail.points;
    timer = timer || setTimeout(redraw, REDRAW_MS);
  };
  document.addEventListener(LIVE, follow);
  const observer = new ResizeObserver(redraw);
  observer.observe(root);
  redraw();
  const end = () => {
    document.removeEventListener(LIVE, follow);
    observer.disconnect();
    clearTimeout(timer);
    curves.delete(parentElement);
  };
  curves.set(parentElement, end);
  return end;
}
