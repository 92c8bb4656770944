// Where a participant's answers are kept: in this browser until they are delivered, then with JATOS,
// with the server that experiment.json names, or in a file that is downloaded.
"use strict";

const ATTEMPTS = 6;
const FIRST_PAUSE_MS = 500;

class Saving {
  constructor(experiment, participant) {
    this.experiment = experiment;
    this.participant = participant;
    // JATOS numbers every run of a study, so that the next person at this computer begins anew.
    const run = typeof jatos === "undefined" ? (participant ?? "") : `jatos-${jatos.studyResultId}`;
    this.key = `iri-experiment-${experiment.id}-${run}`;
    this.pending = Promise.resolve();
  }

  // What this browser knows of the participant: {participant, list, answers, delivered}, or null.
  recalled() {
    try {
      return JSON.parse(localStorage.getItem(this.key));
    } catch {
      return null; // no storage, as in a private window: then a reload begins anew
    }
  }

  begin(participant, list) {
    this.record = { participant, list, answers: [], delivered: false };
    this.store();
  }

  resume(record) {
    this.record = record;
  }

  store() {
    try {
      localStorage.setItem(this.key, JSON.stringify(this.record));
    } catch {
      // As above; the answers are in memory.
    }
  }

  forget() {
    localStorage.removeItem(this.key);
  }

  // An answer: kept here and, on JATOS, sent at once, so that nothing is lost with who leaves early.
  add(answer) {
    this.record.answers.push(answer);
    this.store();
    if (typeof jatos !== "undefined") {
      this.pending = this.pending
        .then(() => jatos.appendResultData(`${JSON.stringify(answer)}\n`))
        .catch(() => {}); // `deliver` sends all of them once more
    }
  }

  // For how many ms the image of a trial was seen before this page was loaded.
  seen(trial) {
    return this.record.seen?.[trial] ?? 0;
  }

  keepSeen(trial, ms) {
    this.record.seen = { ...this.record.seen, [trial]: ms };
    this.store();
  }

  get text() {
    return this.record.answers.map((answer) => `${JSON.stringify(answer)}\n`).join("");
  }

  // Whether all answers are where they belong; false: only in this browser.
  async deliver() {
    let send = null;
    if (typeof jatos !== "undefined") {
      await this.pending;
      send = () => jatos.submitResultData(this.text);
    } else if (this.experiment.send_to) {
      send = () => this.post();
    }
    if (send === null) return false;
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      try {
        await send();
        this.record.delivered = true;
        this.store();
        return true;
      } catch {
        await new Promise((resolve) => setTimeout(resolve, FIRST_PAUSE_MS * 2 ** attempt));
      }
    }
    return false;
  }

  async post() {
    const response = await fetch(this.experiment.send_to, {
      method: "POST",
      headers: { "Content-Type": "text/plain;charset=utf-8" }, // needs no preflight of the server
      body: this.text,
    });
    if (!response.ok) throw new Error(`the server answered ${response.status}`);
  }

  download() {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([this.text], { type: "application/x-ndjson" }));
    link.download = `answers-${this.record.participant}.jsonl`;
    link.click();
    URL.revokeObjectURL(link.href);
  }
}
