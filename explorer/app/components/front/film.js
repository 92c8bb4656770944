const SMALL_PX = 160;
const FRAME_MS = 350;
const HOLD_MS = 2000;

export default function (component) {
  const { parentElement, data } = component;
  if (!data) return;
  const { frames, target } = JSON.parse(data.json);
  const root = parentElement.querySelector(".film");
  const now = root.querySelector(".now");
  const range = root.querySelector("input");
  const play = root.querySelector(".play");
  const last = frames.length - 1;
  let timer;

  const show = (index) => {
    const frame = frames[index];
    now.src = frame.src;
    now.alt = `Along the way: ${frame.title}`;
    root.querySelector(".title").textContent = frame.title;
    root.querySelector(".distance").textContent = frame.distance;
    range.value = index;
    range.setAttribute("aria-valuetext", `${frame.title}, ${frame.distance}`);
    root.dataset.index = index;
  };
  const stop = () => {
    clearTimeout(timer);
    timer = undefined;
    play.textContent = "Play";
  };
  const advance = () => {
    const index = Number(range.value);
    show(index === last ? 0 : index + 1);
    timer = setTimeout(advance, Number(range.value) === last ? HOLD_MS : FRAME_MS);
  };

  for (const image of root.querySelectorAll("img")) {
    image.onload = () => image.classList.toggle("small", image.naturalWidth <= SMALL_PX);
  }
  root.querySelector(".target").src = target.src;
  root.querySelector(".target").alt = target.alt;
  range.max = last;
  range.oninput = () => { stop(); show(Number(range.value)); };
  play.onclick = () => {
    if (timer) return stop();
    play.textContent = "Pause";
    advance();
  };
  // A run of the page leaves the image that is shown; another result begins at its end.
  const known = root.dataset.key === data.key ? Number(root.dataset.index) : last;
  root.dataset.key = data.key;
  show(Math.min(known, last));
  stop();
  return stop;
}
