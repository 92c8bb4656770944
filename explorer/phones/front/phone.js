// A phone's way through a session: code, consent, practice, trials, waiting for the next round.
import { Kept } from "./kept.js";
import { showPersonal } from "./personal.js";
import { Sending } from "./sending.js";
import { browser, Lost, Refused, Server } from "./server.js";
import { ask, feedback, next } from "./trial.js";

const POLL_MS = 3000;
const TRIAL_POLL_MS = 8000; // while a trial is on the screen
const VIEWS = ["opening", "code", "consent", "trial", "message", "personal"];
const NO_CONNECTION = "No connection. Answers are kept on this phone and sent when it is back.";

const by = (id) => document.getElementById(id);
const { root, code } = document.documentElement.dataset;
const alone = code === "alone"; // the server leads to one address for each session
const name = code;
const server = new Server(root);
const kept = new Kept(name);
const receipts = new Map(); // of this page's answers, by place
const late = new Set(); // why answers were refused for good
let untold = 0; // how many of these nobody has been told of
let interruption = new AbortController(); // of the trials: ask what is going on
let lookNow = () => {}; // whether the trials on the screen are still asked
let lastState = ""; // of the session, at the last step
let woken = () => {};

const place = (entry) => `${entry.round}:${entry.vote}:${entry.trial}`;

const sending = new Sending(server, kept, {
  connection,
  receipts(list) {
    const settled = list.filter((receipt) => !receipt.later);
    const refused = settled.filter((receipt) => receipt.status === "refused");
    for (const receipt of settled) receipts.set(place(receipt), receipt);
    for (const receipt of refused) late.add(receipt.reason);
    untold += refused.length;
    if (refused.length) interruption.abort();
    // What is to be sent again is no news: whoever wakes for it would send it at once.
    if (settled.length) woken();
    if (settled.length < list.length) lookNow();
  },
  refused(error) {
    say("connection", error.message);
    lookNow();
  },
});

function say(id, text) {
  if (by(id).textContent !== text) by(id).textContent = text;
}

function connection(there) {
  say("connection", there ? "" : NO_CONNECTION);
}

function view(name) {
  for (const id of VIEWS) by(id).hidden = id !== name;
}

const message = (() => {
  let last = "";
  return (title, text) => {
    view("message");
    say("message-title", title);
    say("message-text", text);
    const unsent = kept.pending().length;
    const answers = unsent === 1 ? "1 answer is" : `${unsent} answers are`;
    const waiting = unsent ? [`${answers} still to be sent. Leave this page open.`] : [];
    say("message-unsent", [...waiting, ...late].join(" "));
    untold = 0;
    by("message-button").hidden = true;
    if (last !== title) by("message-title").focus({ preventScroll: true });
    last = title;
  };
})();

// Until the time has passed, or there is news of an answer, or somebody looks at the page again.
function wait(ms) {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", seen);
      woken = () => {};
      resolve();
    };
    const seen = () => document.hidden || done();
    // No phone asks while nobody looks at it, and no two at the same moment.
    const tick = () => (document.hidden ? null : done());
    const timer = setTimeout(tick, ms * (0.8 + 0.4 * Math.random()));
    document.addEventListener("visibilitychange", seen);
    woken = done;
  });
}

// Ask until there is an answer; a refusal is one.
async function insist(question) {
  for (let failures = 0; ; failures += 1) {
    try {
      const answer = await question();
      connection(true);
      return answer;
    } catch (error) {
      if (error instanceof Refused && error.status !== 429) throw error;
      if (error instanceof Refused) say("connection", error.message);
      else if (error instanceof Lost) connection(false);
      else throw error;
      await wait(Math.min(8000, 1000 * 2 ** failures));
    }
  }
}

async function consent() {
  const session = await insist(() => server.session(name));
  if (session.closed) return message("This session has ended.", "Thank you for coming.");
  title(session.title);
  say("consent-title", document.title);
  say(
    "consent-task",
    `You will see ${session.images} images, one at a time, and say what each is most like. ` +
      `It takes about ${session.minutes} minutes. There are no trick questions: your first impression counts.`,
  );
  by("consent-pooled").hidden = !alone;
  view("consent");
  for (;;) {
    await new Promise((resolve) => by("start").addEventListener("click", resolve, { once: true }));
    by("start").disabled = true;
    say("consent-error", "");
    try {
      const joined = await server.join({
        code: name,
        screen: `${screen.width}x${screen.height} at ${devicePixelRatio}`,
        browser: browser(),
        pooled: alone && by("pooled").checked,
      });
      kept.token = server.token = joined.token;
      receipts.clear(); // of whoever took part before
      return connection(true);
    } catch (error) {
      const lost = error instanceof Lost;
      if (!lost && !(error instanceof Refused)) throw error;
      say("consent-error", lost ? "No connection: try again in a moment." : error.message);
    } finally {
      by("start").disabled = false;
    }
  }
}

function title(text) {
  say("title", alone ? "" : `${text} · ${name}`);
  document.title = alone ? "What is it more like?" : text;
}

async function fetchAhead(trials) {
  const wanted = trials.flatMap((trial) => [trial.image, ...trial.options.map((o) => o.picture)]);
  for (const sha256 of new Set(wanted.filter(Boolean))) {
    const image = new Image();
    image.src = server.picture(sha256);
    await image.decode().catch(() => {});
  }
}

// All trials of the round that are still to be answered, in order; ends early if one is refused.
async function answerTrials(listed, todo) {
  const main = listed.trials.filter((trial) => !trial.practice);
  const practice = listed.trials.filter((trial) => trial.practice);
  fetchAhead(todo);
  interruption = new AbortController();
  const { signal } = interruption;
  late.clear();
  lookNow = () => look(listed, interruption);
  const looking = setInterval(lookNow, TRIAL_POLL_MS);
  signal.addEventListener("abort", () => {
    clearInterval(looking);
    lookNow = () => {};
    woken();
  });
  for (const trial of todo) {
    const group = trial.practice ? practice : main;
    const number = group.indexOf(trial) + 1;
    const heading = {
      text: `${trial.practice ? "Practice" : "Image"} ${number} of ${group.length}`,
      share: trial.practice ? 0 : (number - 1) / group.length,
    };
    view("trial");
    const asked = { round: listed.round, vote: listed.vote, trial: trial.number };
    const seen = { before: kept.seen(asked), keep: (ms) => kept.setSeen(asked, ms) };
    const address = (hash) => server.picture(hash);
    const answered = await ask(trial, listed.timing, address, heading, signal, seen);
    if (!answered) return;
    const answer = { ...asked, ...answered, clock: Date.now() / 1000 };
    sending.add(answer);
    if (trial.practice) await practised(answer, trial === practice.at(-1), signal);
    if (signal.aborted) return;
  }
  interruption.abort();
}

// Interrupts the trials where their round does not take answers any more.
async function look(listed, trials) {
  if (document.hidden) return;
  try {
    const { closed, state, round, vote } = await server.state();
    const same = round === listed.round && vote === listed.vote;
    if (closed || state !== "open" || !same) trials.abort();
  } catch (error) {
    if (error instanceof Refused && error.status !== 429) trials.abort();
  }
}

async function practised(answer, last, signal) {
  say("feedback", "…");
  while (!receipts.has(place(answer)) && !signal.aborted) await wait(POLL_MS);
  const receipt = receipts.get(place(answer));
  if (receipt && Number.isInteger(receipt.correct)) feedback(answer.position, receipt.correct);
  else say("feedback", "");
  if (signal.aborted) return;
  if (last) by("feedback").append(" From now on there is no feedback.");
  await next(last ? "Start" : "Next");
}

// One look at what is going on, and what follows from it.
async function step() {
  const state = await insist(() => server.state());
  title(state.title);
  const now = [state.closed, state.state, state.round, state.vote].join();
  if (now !== lastState) sending.send(); // what had to wait may be taken now
  lastState = now;
  if (state.closed) {
    message("This session has ended.", "Thank you for taking part. You can close this page.");
    return wait(POLL_MS);
  }
  if (state.state === "paused") {
    message("Paused", "It goes on here by itself.");
    return wait(POLL_MS);
  }
  if (state.state === "revealed") {
    message("The results are on the screen.", "If there is another round, it starts here by itself.");
    return wait(POLL_MS);
  }
  const listed = await insist(() => server.trials());
  const known = new Set(listed.answered.map((trial) => place({ ...listed, trial })));
  for (const each of [...kept.pending(), ...receipts.values()]) known.add(place(each));
  const todo = listed.trials.filter(({ number }) => !known.has(place({ ...listed, trial: number })));
  if (todo.length) return untold ? tellLate() : answerTrials(listed, todo);
  if (alone && kept.pending().length === 0) return compared();
  message("Thank you!", alone ? "" : "All your answers are given. The next round starts here by itself.");
  return wait(POLL_MS);
}

// That answers came too late to count, before the next trials hide it.
async function tellLate() {
  const answers = untold === 1 ? "1 answer does" : `${untold} answers do`;
  message("Too late", `${answers} not count.`);
  const button = by("message-button");
  button.textContent = "Go on";
  button.hidden = false;
  await new Promise((resolve) => button.addEventListener("click", resolve, { once: true }));
}

async function compared() {
  const summary = await insist(() => server.personal());
  showPersonal(summary);
  view("personal");
  by("personal").querySelector("h1").focus({ preventScroll: true });
  await new Promise((resolve) => by("again").addEventListener("click", resolve, { once: true }));
  kept.startAgain();
}

function unknownCode(error) {
  view("code");
  by("code-error").textContent = error?.message ?? "";
  by("code-field").value = error ? code : "";
  by("code-field").focus();
}

async function run() {
  if (!code) return unknownCode(null);
  for (;;) {
    server.token = kept.token;
    server.earlier = kept.earlier;
    try {
      if (!server.token) await consent();
      if (!server.token) return;
      await step();
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      if (error.status === 404) return unknownCode(error);
      if (error.status === 401) kept.forget();
      else {
        message("This does not work at the moment.", error.message);
        await wait(POLL_MS);
      }
    }
  }
}

run();
