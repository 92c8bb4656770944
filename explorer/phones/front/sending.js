// Sends kept answers until each is acknowledged; after a failure again, later and later.
import { Lost, Refused } from "./server.js";

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 8000;
const AT_ONCE = 50;

export class Sending {
  // told.connection(isThere): at every attempt. told.receipts(list): of those answered.
  // told.refused(error): the server refused the whole message.
  constructor(server, kept, told) {
    this.server = server;
    this.kept = kept;
    this.told = told;
    this.failures = 0;
    this.timer = null;
    this.running = false;
    this.hurried = false;
    addEventListener("online", () => this.send());
    document.addEventListener("visibilitychange", () => document.hidden || this.send());
  }

  add(answer) {
    this.kept.add(answer);
    this.send();
  }

  // Send now what is kept. One message is under way at a time; it is followed by what came later.
  async send() {
    if (this.running) {
      this.hurried = true;
      return;
    }
    clearTimeout(this.timer);
    this.running = true;
    let pause = null;
    try {
      for (;;) {
        this.hurried = false;
        const list = this.kept.pending().slice(0, AT_ONCE);
        if (list.length === 0 || !this.server.token) break;
        pause = await this.attempt(list);
        if (pause !== null && !this.hurried) break;
      }
    } finally {
      this.running = false;
    }
    if (pause !== null) this.timer = setTimeout(() => this.send(), pause);
  }

  // One message. How long to wait before the next; null where all that it held is settled.
  async attempt(list) {
    try {
      const { receipts } = await this.server.answers(list);
      this.told.connection(true);
      const settled = receipts.filter((receipt) => !receipt.later);
      for (const receipt of settled) this.kept.settle(receipt);
      this.told.receipts(receipts);
      if (settled.length < list.length) return this.pause();
      this.failures = 0;
      return null;
    } catch (error) {
      if (error instanceof Lost) this.told.connection(false);
      else if (error instanceof Refused) this.told.refused(error);
      else throw error;
      return this.pause();
    }
  }

  // Twice as long after each failure, and never the same on two phones.
  pause() {
    const longest = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** this.failures);
    this.failures += 1;
    return longest * (0.5 + Math.random() / 2);
  }
}
