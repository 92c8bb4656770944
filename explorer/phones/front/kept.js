// What a phone keeps of a session until the server has it: its token, and answers not yet sent.
// One entry per answer, so that two tabs of one phone never overwrite each other's.

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

  add(answer) {
    this.write(this.name(answer), JSON.stringify(answer));
  }

  settle(answer) {
    this.storage.removeItem(this.prefix + this.name(answer));
    this.memory.removeItem(this.prefix + this.name(answer));
  }

  // Answers that the server has not acknowledged, the oldest first.
  pending() {
    const start = `${this.prefix}answer:`;
    const keys = new Set([...this.keysOf(this.storage), ...this.memory.keys()]);
    return [...keys]
      .filter((key) => key.startsWith(start))
      .map((key) => JSON.parse(this.read(key.slice(this.prefix.length))))
      .sort((a, b) => a.clock - b.clock);
  }

  // The token and all answers: of a session that the server does not know any more.
  forget() {
    for (const answer of this.pending()) this.settle(answer);
    this.storage.removeItem(`${this.prefix}token`);
    this.memory.removeItem(`${this.prefix}token`);
  }

  name(answer) {
    return `answer:${answer.round}:${answer.vote}:${answer.trial}`;
  }

  keysOf(storage) {
    return storage === this.memory ? [] : Object.keys(storage);
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
