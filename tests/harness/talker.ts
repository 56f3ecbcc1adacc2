import type { Received } from "./client.ts";
import type { History, Message } from "./history.ts";
import type { Random } from "./random.ts";
import { until } from "./until.ts";
import { pause } from "./util.ts";

/** How many messages a talker leaves unanswered before it waits. */
const MAX_UNANSWERED = 12;
const TOPICS = ["chat", "counter:c", "poll:p"];

export interface TalkerOptions {
  /** Its session, and its name in the history. */
  readonly name: string;
  readonly room: string;
  readonly history: History;
  readonly random: Random;
  /** Chooses the port to connect to, each time anew. */
  readonly port: () => number;
  /** Where in the log to begin, instead of where it stands. */
  readonly since?: number;
  /** Whether it subscribes in the URL or by messages; otherwise this is chosen each time anew. */
  readonly subscribesBy?: "query" | "message";
}

/** What is not answered yet, and who is told. */
interface Unanswered {
  readonly message: Message;
  /** Whether it may be sent again. */
  readonly keyed: boolean;
  readonly resolve: (ack: Received | undefined) => void;
}

/**
 * A client as the contract makes it possible, that never gives up: it is subscribed to all that it
 * talks of, comes back when its connection is lost, resumes where it was, and sends again whatever
 * had a key and was refused or not answered. All it does and sees goes into a history.
 */
export class Talker {
  /** How many connections it has lost. */
  lost = 0;
  /** The newest it has seen. */
  readonly view = { offset: 0, counter: "", poll: "" };
  readonly #unanswered = new Map<string, Unanswered>();
  #socket!: WebSocket;
  #epoch: string | undefined;
  #serial = 0;
  #greeted = false;
  #voting = false;
  #left = false;

  private constructor(readonly options: TalkerOptions) {}

  /** Resolves when the talker has been greeted. */
  static async join(options: TalkerOptions): Promise<Talker> {
    const talker = new Talker(options);
    talker.#connect();
    if (await until(() => talker.#greeted, 10_000)) return talker;
    await talker.leave();
    throw new Error(`${options.name} was not greeted`);
  }

  get unanswered(): number {
    return this.#unanswered.size;
  }

  /** Says something; resolves to its offset, or to nothing if it had no key and was given up. */
  async chat(keyed = true): Promise<number | undefined> {
    const ack = await this.#apply((key) => ({ type: "chat", data: key }), keyed);
    return ack && Number(ack.offset);
  }

  async add(): Promise<void> {
    await this.#apply(() => ({ type: "counter", data: { id: "c", value: 0.1 } }));
  }

  /** Votes, unless a vote is still under way: which of two were the last would be open. */
  async vote(): Promise<void> {
    if (this.#voting) return;
    this.#voting = true;
    const answer = this.options.random.pick(["red", "green", "blue"]);
    await this.#apply(() => ({ type: "poll", data: { id: "p", answer } }));
    this.#voting = false;
  }

  /** Talks at random, in bursts, with pauses up to `pauseMs`, until the signal comes. */
  async talk(signal: AbortSignal, pauseMs: number): Promise<void> {
    const { random } = this.options;
    while (!signal.aborted) {
      for (let n = random.below(4); n >= 0 && this.unanswered < MAX_UNANSWERED; n--) {
        const choice = random.below(8);
        if (choice < 5) this.chat(choice === 0);
        else if (choice < 7) this.add();
        else this.vote();
      }
      await pause(random.below(pauseMs));
    }
  }

  async leave(): Promise<void> {
    this.#left = true;
    this.#record({ does: "leave" });
    const socket = this.#socket;
    socket.onmessage = null;
    if (socket.readyState === WebSocket.CLOSED) return;
    const closed = new Promise((resolve) => socket.onclose = resolve);
    socket.close();
    await closed;
  }

  #record(deed: Parameters<History["add"]>[1]): void {
    this.options.history.add(this.options.name, deed);
  }

  #connect(): void {
    const { name, room, random, port, since } = this.options;
    const by = this.options.subscribesBy ?? random.pick(["query", "message"]);
    const query = new URLSearchParams({ room, session: name });
    const from = this.#epoch === undefined ? since : this.view.offset;
    if (by === "query") {
      query.set("subscribe", TOPICS.join());
      if (from !== undefined) query.set("since", String(from));
      if (this.#epoch !== undefined) query.set("epoch", this.#epoch);
    }
    this.#record({ does: "connect" });
    const socket = new WebSocket(`ws://127.0.0.1:${port()}/websocket?${query}`);
    this.#socket = socket;
    socket.onmessage = ({ data }) => this.#receive(JSON.parse(data), by);
    socket.onclose = () => this.#lose();
  }

  async #lose(): Promise<void> {
    if (this.#greeted) this.lost++;
    this.#greeted = false;
    this.#record({ does: "lose" });
    for (const [key, { keyed }] of this.#unanswered) if (!keyed) this.#abandon(key);
    await pause(20 + this.options.random.below(80));
    if (!this.#left) this.#connect();
  }

  #greet({ epoch, offset }: Received, by: "query" | "message"): void {
    if (this.#epoch === undefined) this.view.offset = this.options.since ?? Number(offset);
    this.#epoch ??= epoch;
    this.#record({ does: "join", epoch, after: this.view.offset });
    if (by === "message") TOPICS.forEach((topic) => this.#subscribe(topic));
    this.#greeted = true;
    for (const key of this.#unanswered.keys()) this.#send(key);
  }

  #subscribe(topic: string): void {
    const message = { type: "subscribe", data: topic, id: topic };
    const from = { since: String(this.view.offset), epoch: this.#epoch };
    this.#socket.send(JSON.stringify(topic === "chat" ? { ...message, ...from } : message));
  }

  #apply(messageOf: (key: string) => Message, keyed = true): Promise<Received | undefined> {
    const key = `${this.options.name}-${this.#serial++}`;
    const { promise, resolve } = Promise.withResolvers<Received | undefined>();
    this.#unanswered.set(key, { message: messageOf(key), keyed, resolve });
    if (this.#greeted) this.#send(key);
    return promise;
  }

  #send(key: string): void {
    const { message, keyed } = this.#unanswered.get(key)!;
    // What a socket that is about to close does not take is sent on the next.
    if (this.#socket.readyState !== WebSocket.OPEN) return;
    this.#record({ does: "send", key, message });
    this.#socket.send(JSON.stringify({ ...message, key: keyed ? key : undefined, id: key }));
  }

  #abandon(key: string): void {
    this.#record({ does: "abandon", key });
    this.#unanswered.get(key)!.resolve(undefined);
    this.#unanswered.delete(key);
  }

  #receive({ type, id, data, offset }: Received, by: "query" | "message"): void {
    if (type === "connection") {
      this.#greet(data, by);
    } else if (type === "chat") {
      this.view.offset = Number(offset);
      this.#record({ does: "see", sight: { type, offset: Number(offset), text: data.message } });
    } else if (type === "counter") {
      this.view.counter = data.value;
      this.#record({ does: "see", sight: { type, id: data.id, value: data.value } });
    } else if (type === "poll") {
      this.view.poll = JSON.stringify(Object.entries(data.stats).sort());
      this.#record({ does: "see", sight: { type, id: data.id, stats: data.stats } });
    } else if (type === "ack") {
      this.#acknowledged(id, data);
    } else if (type === "error") {
      this.#refused(id, data);
    }
  }

  #acknowledged(key: string, data: Received): void {
    if (TOPICS.includes(key)) {
      if (key === "chat") this.#record({ does: "resume", complete: data.complete });
      return;
    }
    this.#record({ does: "ack", key, offset: data?.offset && Number(data.offset) });
    this.#unanswered.get(key)?.resolve(data);
    this.#unanswered.delete(key);
  }

  async #refused(key: string | undefined, { code, message }: Received): Promise<void> {
    this.#record({ does: "refused", key: key ?? "", code, unknown: /unknown/.test(message) });
    const socket = this.#socket;
    // Subscriptions in the URL have no id of their own: they are tried again on a new connection.
    if (key === undefined) return socket.close();
    if (this.#unanswered.get(key)?.keyed === false) return this.#abandon(key);
    await pause(50 + this.options.random.below(150));
    if (socket !== this.#socket || socket.readyState !== WebSocket.OPEN) return;
    if (TOPICS.includes(key)) this.#subscribe(key);
    else this.#send(key);
  }
}
