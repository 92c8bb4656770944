// Events of running jobs from the server's broadcast (explorer/live); put before the scripts that
// watch. By server-sent events; by asking every few seconds where these do not come through.
const LOOK_MS = 2500, FIRST_MS = 6000, SILENT_MS = 25000, REOPEN_MS = 30000, LOST_MS = 5000;

// onEvent: called with each event. onSilence: every second, with for how many ms nothing has been
// heard, 0 while all is well. Returns what ends it.
function watchStream(token, onEvent, onSilence) {
  // Below the page's own path, which whatever proxy there is leads to this app.
  const address = `${location.pathname.replace(/\/+$/, "")}/live/${token}`;
  let source, openedAt = 0, heardAt = Date.now(), lookedAt = 0;
  let isStreaming = false, isLooking = false, isOver = false;

  const stop = () => {
    isOver = true;
    clearInterval(timer);
    if (source) source.close();
  };
  const heard = (event) => {
    if (isOver) return;
    heardAt = Date.now();
    if (event.finished) stop();
    onSilence(0);
    onEvent(event);
  };
  const open = () => {
    if (source) source.close();
    openedAt = Date.now();
    const opened = source = new EventSource(address);
    const alive = () => { isStreaming = opened === source; heardAt = Date.now(); };
    opened.onmessage = ({ data }) => { alive(); heard(JSON.parse(data)); };
    opened.addEventListener("beat", alive);
    opened.onerror = () => { if (opened === source) isStreaming = false; };
  };
  const look = async () => {
    isLooking = true;
    lookedAt = Date.now();
    try {
      const answer = await fetch(`${address}/now`,
        { cache: "no-store", signal: AbortSignal.timeout(10000) });
      const isJson = (answer.headers.get("content-type") || "").includes("json");
      if (answer.ok && isJson) heard(await answer.json());
      // The app was started anew and knows nothing of this token.
      else if (answer.status === 403 && isJson) heard({ state: "gone", finished: true });
    } catch { /* the silence says it */ } finally { isLooking = false; }
  };
  const tick = () => {
    const now = Date.now();
    if (isStreaming && now - heardAt > SILENT_MS) {
      isStreaming = false; // a connection that nobody closed, but that is dead
      source.close();
    }
    if (isStreaming) return onSilence(0);
    if (source.readyState === EventSource.CLOSED && now - openedAt > REOPEN_MS) open();
    const isLate = now - openedAt > FIRST_MS || source.readyState === EventSource.CLOSED;
    if (isLate && !isLooking && now - lookedAt > LOOK_MS) look();
    onSilence(now - heardAt > LOST_MS ? now - heardAt : 0);
  };
  const timer = setInterval(tick, 1000);
  open();
  return stop;
}

// Have the page run once; again only where it is still there after a while, as after a lost
// connection. Returns what ends it.
function runPage(trigger) {
  let tries = 0;
  const once = () => { tries += 1; trigger(tries); if (tries > 20) clearInterval(timer); };
  const timer = setInterval(once, 6000);
  once();
  return () => clearInterval(timer);
}
