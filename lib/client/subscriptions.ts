import type { Listener, Message, Subscribed } from "./api.ts";
import { callAll } from "./emitter.ts";

/** Events that come unasked. */
const UNASKED = new Set([
  ...["connection", "profile", "STATUS_CHANGE", "error", "draining", "incomplete"],
  ...["new-message", "update-message", "delete-message"],
]);
/** Events that have no past: whoever subscribes gets their state, or what is to come. */
const PASTLESS = new Set(["counter", "poll", "ephemeralPoll", "presence", "signal", "data"]);

const DATA_SET = "data:set:";
/** How long a subscription that the server could not serve waits for another try. */
const RETRY_MS = 1000;

interface Topic {
  // deno-lint-ignore no-explicit-any -- each listener has the data of its own topic
  readonly listeners: Set<Listener<any>>;
  /** What to subscribe with: at first what was asked for, then from where it was lost. */
  start: { since?: string; epoch?: string; history?: number };
  /** Whether the server has sent the past and sends what happens. */
  live: boolean;
}

/** What a client is subscribed to, and how far it has come in each. */
export class Subscriptions {
  readonly #topics = new Map<string, Topic>();
  readonly #transmit: (message: Message) => void;
  readonly #onIncomplete: (topic: string, subscribed: Subscribed) => void;
  #epoch: string | undefined;
  #connected = false;

  constructor(
    transmit: (message: Message) => void,
    onIncomplete: (topic: string, subscribed: Subscribed) => void,
  ) {
    this.#transmit = transmit;
    this.#onIncomplete = onIncomplete;
  }

  /** Adds a listener; returns what removes it. */
  // deno-lint-ignore no-explicit-any -- each listener has the data of its own topic
  add(name: string, listener: Listener<any>, start: Topic["start"] = {}): () => void {
    let topic = this.#topics.get(name);
    if (!topic) {
      topic = { listeners: new Set(), start, live: false };
      this.#topics.set(name, topic);
      if (this.#connected) {
        // Asked first, so that what comes before the first event is known to lie behind.
        this.#transmit({ type: "connection" });
        this.#subscribe(name, topic);
      }
    }
    // The same function may be given twice, and be removed twice.
    const own: typeof listener = (data, message) => listener(data, message);
    topic.listeners.add(own);
    return () => {
      if (!topic.listeners.delete(own) || topic.listeners.size > 0) return;
      if (this.#topics.get(name) !== topic) return;
      this.#topics.delete(name);
      if (!UNASKED.has(name)) this.#transmit({ type: "unsubscribe", data: name });
    };
  }

  /** Subscribes to everything over a new connection, in a life of the log. */
  resume(epoch: string, offset: string): void {
    this.#epoch = epoch;
    this.#connected = true;
    for (const [name, topic] of this.#topics) this.#subscribe(name, topic);
    this.stands(offset);
  }

  lost(): void {
    this.#connected = false;
    for (const topic of this.#topics.values()) topic.live = false;
  }

  /** Takes the answer to a subscription; whether it was one. */
  settle({ type, id, data }: Message): boolean {
    const name = /^subscribe (.*)$/s.exec(String(id))?.[1];
    if (name === undefined) return false;
    const topic = this.#topics.get(name);
    if (!topic) return true;
    if (type !== "ack") {
      const unavailable = (data as { code: string }).code === "unavailable";
      if (unavailable) setTimeout(() => this.#again(name, topic), RETRY_MS);
      return unavailable;
    }
    topic.live = true;
    const subscribed = data as unknown as Subscribed;
    if (!subscribed.complete) this.#onIncomplete(name, subscribed);
    return true;
  }

  /** Calls those who have subscribed to a message. */
  deliver(message: Message): void {
    const data = "data" in message ? message.data : message;
    for (const [name, topic] of this.#topics) {
      const matches = isOf(name, message);
      // Of a topic that is being replayed, others' events tell nothing: they may have overtaken it.
      if (message.offset !== undefined && (topic.live || matches)) {
        topic.start = { since: String(message.offset), epoch: this.#epoch };
      }
      if (matches) callAll(topic.listeners, data, message);
    }
  }

  /** Takes over where the log stands: from there on go those that have no other start. */
  stands(offset: string): void {
    for (const topic of this.#topics.values()) {
      const { since, history } = topic.start;
      if (since === undefined && history === undefined) {
        topic.start = { since: offset, epoch: this.#epoch };
      }
    }
  }

  #again(name: string, topic: Topic): void {
    if (this.#connected && this.#topics.get(name) === topic) this.#subscribe(name, topic);
  }

  #subscribe(name: string, topic: Topic): void {
    if (UNASKED.has(name)) return;
    const start = PASTLESS.has(eventOf(name)) ? {} : topic.start;
    this.#transmit({ type: "subscribe", data: name, ...start, id: `subscribe ${name}` });
  }
}

function eventOf(topic: string): string {
  return topic.split(":", 1)[0]!;
}

/** Whether a message is one of those that a topic asks for. */
function isOf(topic: string, { type, event, data }: Message): boolean {
  if (type === undefined) {
    const key = event?.startsWith(DATA_SET) ? event.slice(DATA_SET.length) : undefined;
    return key !== undefined && (topic === "data" || topic === `data:${key}`);
  }
  if (topic === type) return true;
  if (eventOf(topic) !== type) return false;
  const id = topic.slice(type.length + 1);
  const about = data as { id?: string; event?: string } | undefined;
  return about?.id === id || about?.event === id;
}
