// What is asked of the server. Every call ends: by an answer, a refusal or a lost connection.
const PATIENCE_MS = 15000;

// The server answered, and said no. status: of HTTP; the message is a sentence for people.
export class Refused extends Error {
  constructor(status, sentence) {
    super(sentence);
    this.status = status;
  }
}

// There was no answer, or not from this server: worth asking again.
export class Lost extends Error {}

export class Server {
  constructor(root) {
    this.root = root;
    this.token = null;
    this.earlier = []; // tokens with which the test was taken before
  }

  picture(sha256) {
    return `${this.root}pictures/${sha256}.png`;
  }

  session(code) {
    return this.ask(`session/${encodeURIComponent(code)}`);
  }

  join(content) {
    return this.ask("join", content);
  }

  state() {
    return this.ask("state");
  }

  trials() {
    return this.ask("trials");
  }

  answers(list) {
    return this.ask("answers", { answers: list });
  }

  personal() {
    return this.ask("personal");
  }

  async ask(name, content = undefined) {
    const sent = content !== undefined;
    const headers = {
      ...(this.token ? { "X-Token": this.token } : {}),
      ...(this.earlier.length ? { "X-Earlier": this.earlier.join() } : {}),
      ...(sent ? { "Content-Type": "application/json" } : {}),
    };
    let response, answer;
    try {
      response = await fetch(`${this.root}api/${name}`, {
        method: sent ? "POST" : "GET",
        headers,
        body: sent ? JSON.stringify(content) : undefined,
        cache: "no-store",
        keepalive: sent,
        signal: AbortSignal.timeout(PATIENCE_MS),
      });
      answer = await response.json();
    } catch (error) {
      throw new Lost(error.message);
    }
    if (response.ok) return answer;
    if (response.status >= 500 || typeof answer.error !== "string") throw new Lost("no answer");
    throw new Refused(response.status, answer.error);
  }
}

// The browser's kind and main version, not what would tell one phone from another.
export function browser() {
  const found = navigator.userAgent.match(/(Firefox|FxiOS|Edg|CriOS|Chrome)\/(\d+)/)
    ?? navigator.userAgent.match(/(Version)\/(\d+).*Safari/);
  return found ? `${found[1] === "Version" ? "Safari" : found[1]} ${found[2]}` : "other";
}
