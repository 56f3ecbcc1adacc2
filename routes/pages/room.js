import { randomId, recall, remember } from "./session.js";

const PING_MS = 5000;
/** A connection that has been silent for this many pings is given up: it may never close. */
const SILENT_PINGS = 3;
const FIRST_RETRY_MS = 250;
const LAST_RETRY_MS = 30_000;

/**
 * A room of a Tallyroom server. The server asks for no more than a plain WebSocket; this adds what
 * a page wants: it comes back by itself, and then nothing is missing and nothing there twice.
 *
 *     const room = new Room("demo");
 *     room.on("chat", ({ user, message }) => console.log(user.suffix, message));
 *     room.subscribe("chat", { history: 50 });
 *     await room.ask("chat", "Hello");
 */
export class Room {
  /** `connecting`, `online` or `offline`; `onstate` is called when it has changed. */
  state = "offline";
  onstate = () => {};
  /** Called with a topic and `{ replayed, complete }`, each time it has been subscribed to. */
  onsubscribed = () => {};
  #listeners = new Map();
  #topics = new Map();
  #asked = new Map();
  #silence = 0;
  #attempts = 0;
  #session;
  #socket;
  #epoch;
  #pinging;
  #retrying;
  #retryMs;

  constructor(name) {
    this.name = name;
    // Without a session in the URL the browser's cookie decides: one voter for all its windows.
    this.#session = recall(`session of ${name}`) ?? randomId();
    addEventListener("online", () => this.state === "offline" && this.#connect());
    this.#connect();
  }

  /** Calls `listener` with the `data` of each message of a type. */
  on(type, listener) {
    this.#listeners.set(type, [...this.#listeners.get(type) ?? [], listener]);
  }

  /** Subscribes, and again whenever the connection is back: then from where it was lost. */
  subscribe(topic, options = {}) {
    this.#topics.set(topic, { options });
    if (this.state === "online") this.#subscribe(topic);
  }

  /** Sends what may be lost. */
  send(type, data) {
    if (this.state === "online") this.#transmit({ type, data });
  }

  /**
   * Sends what may not: again over each new connection, until it is answered. By its `key` it is
   * done once all the same. Resolves to the ack's data; rejects with what the server has to say.
   */
  ask(type, data) {
    const key = randomId();
    const message = { type, data, id: key, key };
    if (this.state === "online") this.#transmit(message);
    return new Promise((resolve, reject) => this.#asked.set(key, { message, resolve, reject }));
  }

  #connect() {
    clearTimeout(this.#retrying);
    const query = new URLSearchParams({ room: this.name, session: this.#session });
    const origin = location.origin.replace(/^http/, "ws");
    this.#socket = new WebSocket(`${origin}/websocket?${query}`);
    this.#socket.onmessage = ({ data }) => this.#receive(JSON.parse(data));
    this.#socket.onclose = () => this.#lose();
    this.#silence = 0;
    this.#pinging = setInterval(() => this.#ping(), PING_MS);
    this.#change("connecting");
  }

  #receive({ type, data, id, offset }) {
    this.#silence = 0;
    // An offset counts for its own topic only: another's live events may overtake a replay.
    const topic = this.#topics.get(type);
    if (topic && offset) Object.assign(topic, { offset, epoch: this.#epoch });
    if (type === "connection") this.#begin(data.epoch);
    if (type === "profile") remember(`session of ${this.name}`, this.#session = data.id);
    if (type === "draining") this.#retryMs = data.retry_ms;
    // Only now: a connection that opens and dies at once shall not be tried ever faster.
    if (type === "pong") this.#attempts = 0;
    if (type === "ack" || type === "error") this.#answer(type, id, data);
    for (const listener of this.#listeners.get(type) ?? []) listener(data);
  }

  #begin(epoch) {
    this.#epoch = epoch;
    this.#change("online");
    for (const topic of this.#topics.keys()) this.#subscribe(topic);
    for (const { message } of this.#asked.values()) this.#transmit(message);
  }

  #subscribe(topic) {
    const { options, offset, epoch } = this.#topics.get(topic);
    const from = offset === undefined ? options : { since: offset, epoch };
    this.#transmit({ type: "subscribe", data: topic, ...from, id: `subscribe ${topic}` });
  }

  #answer(type, id, data) {
    const topic = /^subscribe (.*)$/s.exec(id)?.[1];
    if (topic !== undefined) return type === "ack" ? this.onsubscribed(topic, data) : this.#lose();
    const { resolve, reject } = this.#asked.get(id) ?? {};
    this.#asked.delete(id);
    if (type === "ack") resolve?.(data);
    else reject?.(Object.assign(new Error(data.message), { code: data.code }));
  }

  #ping() {
    if (++this.#silence > SILENT_PINGS) this.#lose();
    else this.send("ping", Date.now());
  }

  #lose() {
    clearInterval(this.#pinging);
    this.#socket.onmessage = this.#socket.onclose = null;
    this.#socket.close();
    const longest = Math.min(FIRST_RETRY_MS * 2 ** this.#attempts++, LAST_RETRY_MS);
    this.#retrying = setTimeout(() => this.#connect(), this.#retryMs ?? Math.random() * longest);
    this.#retryMs = undefined;
    this.#change("offline");
  }

  #transmit(message) {
    this.#socket.send(JSON.stringify(message));
  }

  #change(state) {
    this.state = state;
    this.onstate();
  }
}
