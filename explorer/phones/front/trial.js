// One trial on the screen, from its pictures to the answer.
import { flash, frame, only } from "./timing.js";

const QUESTIONS = {
  "2afc": "Which of the two is the image more like?",
  clustering: "To which of these does the image belong?",
  recognition: "What does the image show?",
};
const SMALL_PX = 160; // narrower pictures are enlarged pixel by pixel
// A second tap of the answer before must not answer this image, too.
const GUARD_MS = 200;
const RELOAD_MS = 1500;

const KEYS = "123456789abcdefghijklmnopqrstuvwxyz"; // of the options, in their order
const MANY_WORDS = 8; // more have three columns and a smaller image

const by = (id) => document.getElementById(id);

// Ask; gives the chosen position and what was measured, or null where `signal` was given before.
// Pictures come from `address(sha256)`. seen: `before`, for how long the image was seen already, and
// `keep(ms)`, which is told for how long in all when the page or the trial ends without an answer.
export async function ask(trial, timing, address, heading, signal, seen) {
  draw(trial, heading);
  const buttons = [...by("options").children];
  const images = [[by("image"), trial.image]];
  trial.options.forEach((option, index) => {
    if (option.picture) images.push([buttons[index].querySelector("img"), option.picture]);
  });
  await Promise.all(images.map(([image, sha256]) => load(image, address(sha256), signal)));
  if (signal.aborted) return null;
  const ended = new AbortController();
  let shown = null;
  const total = (now) => seen.before + (shown.shown_ms ?? now - shown.painted);
  const keep = () => shown && seen.keep(total(performance.now()));
  addEventListener("pagehide", keep, { signal: ended.signal });
  try {
    await show(timing, (painted, shown_ms = null) => (shown = { painted, shown_ms }));
    await new Promise((resolve) => setTimeout(resolve, GUARD_MS));
    const chosen = await choice(buttons, signal);
    if (!chosen) {
      keep();
      return null;
    }
    const { position, time } = chosen;
    return { position, response_ms: time - shown.painted, shown_ms: total(time) };
  } finally {
    ended.abort();
  }
}

// After an answer to a practice trial: which was right.
export function feedback(position, correct) {
  const buttons = [...by("options").children];
  buttons[correct]?.classList.add("right");
  const name = buttons[correct]?.dataset.name ?? "";
  by("feedback").textContent = position === correct ? "Right." : `Not quite: it is ${name}.`;
}

// Wait for the button below the options; Enter and the space bar press it.
export function next(label) {
  const button = by("next");
  button.textContent = label;
  button.hidden = false;
  button.focus(); // and scrolls it into view
  return new Promise((resolve) => button.addEventListener("click", resolve, { once: true }));
}

function draw(trial, heading) {
  by("progress-text").textContent = heading.text;
  by("progress-bar").value = heading.share;
  by("feedback").textContent = "";
  by("next").hidden = true;
  by("question").textContent = QUESTIONS[trial.task];
  only(by("stage"), null);
  const options = by("options");
  options.classList.add("unseen");
  options.replaceChildren(...trial.options.map((option, index) => button(option, index)));
  const count = trial.options.length;
  const pictured = trial.options.some((option) => option.picture);
  const many = !pictured && count > MANY_WORDS;
  by("trial").classList.toggle("many", many);
  // Two to a row, but three where that would need more than two rows of pictures.
  const columns =
    pictured && count > 4 ? Math.min(4, Math.ceil(count / 2)) : count === 3 || many ? 3 : 2;
  const rows = Math.ceil(count / columns);
  options.style.setProperty("--columns", String(columns));
  options.style.setProperty("--widest", pictured ? `${rows > 1 ? 10 : 14}rem` : "16rem");
  options.style.setProperty("--highest", `${Math.floor(28 / rows)}dvh`);
  by("keys").textContent = count === 2 ? "Keys: 1 and 2, or ← and →" : `Keys: ${keyNames(count)}, or arrows and Enter`;
  by("question").focus({ preventScroll: true });
}

function keyNames(count) {
  return count <= 9 ? `1 to ${count}` : `1 to 9 and ${count === 10 ? "a" : `a to ${KEYS[count - 1]}`}`;
}

function button(option, index) {
  const made = document.createElement("button");
  made.type = "button";
  made.disabled = true;
  made.dataset.name = option.picture ? `picture ${index + 1}` : option.label;
  const key = document.createElement("span");
  key.className = "key";
  key.textContent = KEYS[index] ?? "";
  key.setAttribute("aria-hidden", "true");
  const shown = document.createElement(option.picture ? "img" : "span");
  if (option.picture) shown.alt = `Picture ${index + 1}: ${option.label}`;
  else {
    shown.className = "word";
    shown.textContent = option.label;
  }
  made.append(shown, key);
  return made;
}

// The picture, decoded and ready to paint; asked for again while the connection is gone.
async function load(image, address, signal) {
  while (!signal.aborted) {
    try {
      image.src = address;
      await image.decode();
      image.classList.toggle("small", image.naturalWidth <= SMALL_PX);
      return;
    } catch {
      image.removeAttribute("src");
      await new Promise((resolve) => setTimeout(resolve, RELOAD_MS));
    }
  }
}

// measured(painted, shown_ms): when the image is there, and timed when it is gone.
async function show(timing, measured) {
  const parts = { image: by("image"), mask: by("mask"), fixation: by("fixation") };
  if (timing) await flash(by("stage"), parts, timing, measured);
  else {
    measured(await frame());
    only(by("stage"), parts.image);
  }
  by("options").classList.remove("unseen");
}

function choice(buttons, signal) {
  return new Promise((resolve) => {
    const stop = new AbortController();
    const giveUp = () => {
      stop.abort();
      resolve(null);
    };
    if (signal.aborted) return giveUp();
    signal.addEventListener("abort", giveUp, { signal: stop.signal });
    const choose = (position, event) => {
      stop.abort();
      buttons[position].classList.add("chosen");
      for (const each of buttons) each.disabled = true;
      resolve({ position, time: event.timeStamp });
    };
    buttons.forEach((each, position) => {
      each.disabled = false;
      each.addEventListener("click", (event) => choose(position, event), { signal: stop.signal });
    });
    const keys = (event) => {
      if (event.repeat || event.ctrlKey || event.altKey || event.metaKey) return;
      const position = pressed(event.key, buttons);
      if (position === null) return;
      event.preventDefault();
      choose(position, event);
    };
    addEventListener("keydown", keys, { signal: stop.signal });
    return undefined;
  });
}

// The option that a key stands for. Among more than two, the arrows only move the focus.
function pressed(key, buttons) {
  const place = key.length === 1 ? KEYS.indexOf(key.toLowerCase()) : -1;
  if (place >= 0 && place < buttons.length) return place;
  const step = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1 }[key];
  if (!step) return null;
  if (buttons.length === 2) return key === "ArrowLeft" ? 0 : key === "ArrowRight" ? 1 : null;
  const at = buttons.indexOf(document.activeElement);
  const to = at < 0 ? (step > 0 ? 0 : buttons.length - 1) : at + step;
  buttons[(to + buttons.length) % buttons.length].focus();
  return null;
}
