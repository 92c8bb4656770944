// Has a part of the page run when something has changed about the jobs that it shows; stream.js is
// put before this.
const LOOK_BY_PAGE_MS = 20000;
const nudged = new WeakMap();

export default function ({ data, parentElement, setTriggerValue }) {
  if (!data) return;
  let watched = nudged.get(parentElement);
  if (watched && watched.token === data.token) {
    watched.trigger = setTriggerValue;
    watched.ended = data.ended;
    return watched.end;
  }
  if (watched) watched.end();
  watched = { token: data.token, trigger: setTriggerValue, ended: data.ended, lookedAt: Date.now() };
  nudged.set(parentElement, watched);
  let isFirst = true;
  const stop = watchStream(data.token, (event) => {
    // The first says how things are; the page has just drawn that, unless more has ended.
    const isNews = !isFirst || event.finished || event.ended !== watched.ended;
    isFirst = false;
    if (event.finished) watched.again = runPage((tries) => watched.trigger("changed", `over ${tries}`));
    else if (isNews) watched.trigger("changed", Date.now());
  }, (silence) => {
    if (silence > LOOK_BY_PAGE_MS && Date.now() - watched.lookedAt > LOOK_BY_PAGE_MS) {
      watched.lookedAt = Date.now();
      watched.trigger("changed", watched.lookedAt);
    }
  });
  watched.end = () => {
    stop();
    if (watched.again) watched.again();
    nudged.delete(parentElement);
  };
  return watched.end;
}
