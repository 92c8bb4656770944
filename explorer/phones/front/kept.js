// What a phone keeps of a session until the server has it: its token, and answers not yet sent.
// One entry per answer, so that two tabs of one phone never overwrite each other's.

const MOST_EARLIER = 10;

// Where a browser keeps nothing (private windows, full storage), this page's memory does.
class Memory {
  constructor() {
    this.entries = new Map();
  }
  getItem(key) {
    return this.entries.get(key) ?? null;
  }
  setItem(key, value) {
    this.entries.set(key, value);
  }
  removeItem(key) {
    this.entries.delete(key);
  }
  keys() {
    return [...this.entries.keys()];
  }
}

function browserStorage() {
  try {
    localStorage.setItem("iri-vote", "1");
    localStorage.removeItem("iri-vote");
    return localStorage;
  } catch {
    return null;
  }
}

export class Kept {
  constructor(code) {
    this.prefix = `iri-vote:${code}:`;
    this.memory = new Memory();
    this.storage = browserStorage() ?? this.memory;
  }

  get token() {
    return this.read("token");
  }

  set token(value) {
    this.write("token", value);
  }

  // The tokens with which the test was taken before on this phone, the oldest first.
  get earlier() {
    return JSON.parse(this.read("earlier") ?? "[]");
  }

  add(answer) {
    this.write(this.name(answer), JSON.stringify(answer));
  }

  settle(answer) {
    this.remove(this.name(answer));
    this.remove(this.name(answer, "seen"));
  }

  // Answers that the server has not acknowledged, the oldest first.
  pending() {
    return this.names("answer:")
      .map((name) => JSON.parse(this.read(name)))
      .sort((a, b) => a.clock - b.clock);
  }

  // How long the image of a trial was seen before now: it is shown again after a reload or a pause.
  seen(trial) {
    return Number(this.read(this.name(trial, "seen")) ?? 0);
  }

  setSeen(trial, ms) {
    this.write(this.name(trial, "seen"), String(ms));
  }

  // Begin anew, as somebody who has taken the test before.
  startAgain() {
    const earlier = [...this.earlier, this.token].slice(-MOST_EARLIER);
    this.forget();
    this.write("earlier", JSON.stringify(earlier));
  }

  // The token and all answers: of a session that the server does not know any more.
  forget() {
    for (const name of this.names("")) this.remove(name);
  }

  name(answer, what = "answer") {
    return `${what}:${answer.round}:${answer.vote}:${answer.trial}`;
  }

  // All names that begin so, without the prefix.
  names(start) {
    const stored = this.storage === this.memory ? [] : Object.keys(this.storage);
    return [...new Set([...stored, ...this.memory.keys()])]
      .filter((key) => key.startsWith(this.prefix + start))
      .map((key) => key.slice(this.prefix.length));
  }

  remove(name) {
    this.storage.removeItem(this.prefix + name);
    this.memory.removeItem(this.prefix + name);
  }

  read(name) {
    return this.storage.getItem(this.prefix + name) ?? this.memory.getItem(this.prefix + name);
  }

  write(name, value) {
    try {
      this.storage.setItem(this.prefix + name, value);
    } catch {
      this.memory.setItem(this.prefix + name, value);
    }
  }
}
