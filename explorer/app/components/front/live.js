// A running job: stream.js is put before this. What is heard of the job is also passed on to the
// page's pictures and its curve, as an event of the document (LIVE) and in document.iriLive.
const LIVE = "iri-live", SPEAK_MS = 10000, LOOK_BY_PAGE_MS = 20000;
const watching = new WeakMap();

function draw(root, job) {
  const found = root.querySelector(".found");
  found.hidden = !job.headline;
  found.querySelector("strong").textContent = `${job.headline}.`;
  found.querySelector("span").textContent = job.look;
  root.querySelector(".status").textContent = job.status;
  const bar = root.querySelector(".bar");
  const isOpen = job.share === null || job.share === undefined;
  bar.classList.toggle("open", isOpen);
  bar.firstElementChild.style.width = isOpen ? "" : `${100 * job.share}%`;
  if (isOpen) bar.removeAttribute("aria-valuenow");
  else bar.setAttribute("aria-valuenow", Math.round(100 * job.share));
  bar.setAttribute("aria-valuetext", job.status);
}

// A screen reader is told when something else is being done, and now and then how far it is.
function speak(root, watched, job) {
  const what = [job.state, job.headline, job.status.split(/[:…]/)[0]].join();
  const now = Date.now();
  if (what === watched.spoken && now - watched.spokenAt < SPEAK_MS) return;
  [watched.spoken, watched.spokenAt] = [what, now];
  root.querySelector(".said").textContent = [job.headline && `${job.headline}.`, job.look, job.status].join(" ");
}

function merged(known, event) {
  if (event.whole || !known) return { ...known, ...event };
  const last = known.points.length ? known.points.at(-1)[0] : -1;
  const fresh = event.points.filter(([step]) => step > last);
  return { ...known, ...event, points: [...known.points, ...fresh] };
}

function passOn(job) {
  document.iriLive = document.iriLive || new Map();
  document.iriLive.set(job.key, job);
  document.dispatchEvent(new CustomEvent(LIVE, { detail: job }));
}

export default function ({ data, parentElement, setTriggerValue }) {
  if (!data) return;
  const page = JSON.parse(data.json);
  const root = parentElement.querySelector(".live");
  let watched = watching.get(parentElement);
  if (watched && watched.token === page.token) {
    watched.trigger = setTriggerValue;
    if (watched.isLost) draw(root, page.now);
    return watched.end;
  }
  if (watched) watched.end();
  watched = { token: page.token, trigger: setTriggerValue, job: page.now, lookedAt: 0 };
  watching.set(parentElement, watched);
  draw(root, page.now);
  const stop = watchStream(page.token, (event) => {
    if (event.state !== "gone") {
      watched.job = merged(watched.job, event);
      draw(root, watched.job);
      if (!event.finished) speak(root, watched, watched.job);
      passOn(watched.job);
    }
    if (event.finished && !watched.again) {
      watched.again = runPage((tries) => watched.trigger("ended", `${event.state} ${tries}`));
    }
  }, (silence) => {
    watched.isLost = silence > 0;
    root.querySelector(".lost").textContent =
      silence ? "The connection to the app was lost. Trying again …" : "";
    // Where only the page itself comes through, it has to look.
    if (silence > LOOK_BY_PAGE_MS && Date.now() - watched.lookedAt > LOOK_BY_PAGE_MS) {
      watched.lookedAt = Date.now();
      watched.trigger("looked", watched.lookedAt);
    }
  });
  watched.end = () => {
    stop();
    if (watched.again) watched.again();
    watching.delete(parentElement);
    if (document.iriLive) document.iriLive.delete(page.now.key);
  };
  return watched.end;
}
