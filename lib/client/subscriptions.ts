import type { Events, Listener, Message, Subscribed } from "./api.ts";
import { callAll } from "./emitter.ts";

/** Events that come unasked. */
const UNASKED = new Set([
  ...["connection", "profile", "STATUS_CHANGE", "error", "draining", "incomplete"],
  ...["new-message", "update-message", "delete-message"],
]);
/** Events that have no past: whoever subscribes gets their state, or what is to come. */
const PASTLESS = new Set(["counter", "poll", "ephemeralPoll", "presence", "signal", "data"]);

/** Failures that pass: the subscription is tried again. */
const PASSING = new Set(["unavailable", "rate_limited"]);

const DATA_SET = "data:set:";
/** What the ids of subscriptions begin with. */
const ID = "subscribe ";
/** How long a subscription that the server could not serve waits for another try. */
const RETRY_MS = 1000;

interface Topic {
  readonly name: string;
  // deno-lint-ignore no-explicit-any -- each listener has the data of its own topic
  readonly listeners: Set<Listener<any>>;
  /** What to subscribe with: at first what was asked for, then from where it was lost. */
  start: { since?: string; epoch?: string; history?: number };
  /**
   * The log's events, by offset, that have come before the server's answer: the past, and perhaps
   * what reaches everyone, subscribed or not. Absent once the server has sent all of it.
   */
  held?: Map<number, Message>;
  /** The subscription whose answer is waited for. */
  asked?: string;
  retry?: ReturnType<typeof setTimeout>;
}

export interface SubscriptionHandlers {
  transmit(message: Message): void;
  onIncomplete(topic: string, subscribed: Subscribed): void;
  onFailure(topic: string, error: Events["error"]): void;
}

/** What a client is subscribed to, and how far it has come. */
export class Subscriptions {
  readonly #topics = new Map<string, Topic>();
  readonly #handlers: SubscriptionHandlers;
  #connected = false;
  #serial = 0;
  /** The life of the log, and how far in it everything has come that was subscribed to. */
  #epoch: string | undefined;
  #head = 0;

  constructor(handlers: SubscriptionHandlers) {
    this.#handlers = handlers;
  }

  /** Adds a listener; returns what removes it. */
  // deno-lint-ignore no-explicit-any -- each listener has the data of its own topic
  add(name: string, listener: Listener<any>, start: Topic["start"] = {}): () => void {
    const known = this.#topics.get(name);
    const topic = known ?? { name, listeners: new Set(), start };
    if (!known) {
      this.#topics.set(name, topic);
      this.#suspend(topic, start);
      // Asked first, so that what comes before the first event is known to lie behind.
      if (this.#connected) this.#handlers.transmit({ type: "connection" });
    }
    // A second listener is to be told the state, too.
    if (this.#connected && (!known || PASTLESS.has(eventOf(name)))) this.#subscribe(topic);
    // The same function may be given twice, and be removed twice.
    const own: typeof listener = (data, message) => listener(data, message);
    topic.listeners.add(own);
    return () => {
      if (topic.listeners.delete(own) && topic.listeners.size === 0) this.#remove(topic);
    };
  }

  /** Subscribes to everything over a new connection, in a life of the log. */
  resume(epoch: string, offset: string): void {
    this.#epoch = epoch;
    this.#head = Number(offset);
    this.#connected = true;
    for (const topic of this.#topics.values()) this.#subscribe(topic);
    this.stands(offset);
  }

  lost(): void {
    if (!this.#connected) return;
    this.#connected = false;
    for (const topic of this.#topics.values()) this.#suspend(topic);
  }

  /** Takes the answer to a subscription; whether it was one. */
  settle({ type, id, data }: Message): boolean {
    if (!String(id).startsWith(ID)) return false;
    const topic = [...this.#topics.values()].find(({ asked }) => asked === id);
    // Else it has ended, or has been asked for again.
    if (!topic) return true;
    const error = data as unknown as Events["error"];
    if (type !== "ack" && PASSING.has(error.code)) {
      topic.retry = setTimeout(() => this.#subscribe(topic), RETRY_MS);
      return true;
    }
    const subscribed = data as unknown as Subscribed;
    if (type !== "ack") this.#handlers.onFailure(topic.name, error);
    else if (!subscribed.complete) this.#handlers.onIncomplete(topic.name, subscribed);
    this.#release(topic);
    return true;
  }

  /** Calls those who have subscribed to a message. */
  deliver(message: Message): void {
    const offset = offsetOf(message);
    if (offset !== undefined) this.#head = Math.max(this.#head, offset);
    for (const { name, listeners, held } of this.#topics.values()) {
      if (!isOf(name, message)) continue;
      if (held && offset !== undefined) held.set(offset, message);
      else call(listeners, message);
    }
  }

  /** Takes over where the log stands: from there on go those that have no other start. */
  stands(offset: string): void {
    this.#head = Math.max(this.#head, Number(offset));
    for (const topic of this.#topics.values()) {
      const { since, history } = topic.start;
      if (since === undefined && history === undefined) topic.start = this.#here();
    }
  }

  #here(): Topic["start"] {
    return { since: String(this.#head), epoch: this.#epoch };
  }

  #subscribe(topic: Topic): void {
    const { name } = topic;
    if (UNASKED.has(name)) return;
    this.#suspend(topic);
    const start = PASTLESS.has(eventOf(name)) ? {} : topic.start;
    topic.asked = `${ID}${++this.#serial}`;
    this.#handlers.transmit({ type: "subscribe", data: name, ...start, id: topic.asked });
  }

  /** Holds events back until the server has sent all from `start` on, or from where it was. */
  #suspend(topic: Topic, start = topic.held ? topic.start : this.#here()): void {
    if (UNASKED.has(topic.name)) return;
    clearTimeout(topic.retry);
    topic.asked = undefined;
    topic.start = start;
    topic.held = new Map();
  }

  /** Tells what was held back, in the log's order; from now on events are told as they come. */
  #release(topic: Topic): void {
    const held = [...topic.held ?? []];
    topic.asked = topic.held = undefined;
    for (const [, message] of held.sort(([a], [b]) => a - b)) call(topic.listeners, message);
  }

  #remove(topic: Topic): void {
    const { name } = topic;
    clearTimeout(topic.retry);
    this.#topics.delete(name);
    if (!this.#connected || UNASKED.has(name)) return;
    this.#handlers.transmit({ type: "unsubscribe", data: name });
    // A bare name ends the subscriptions to single things, too.
    for (const other of this.#topics.values()) {
      if (other.name.startsWith(`${name}:`) && !name.includes(":")) this.#subscribe(other);
    }
  }
}

// deno-lint-ignore no-explicit-any -- each listener has the data of its own topic
function call(listeners: Iterable<Listener<any>>, message: Message): void {
  callAll(listeners, "data" in message ? message.data : message, message);
}

/** Where in the log a message stands, if it does; what others send directly may say anything. */
function offsetOf({ offset, from }: Message): number | undefined {
  return offset === undefined || from !== undefined ? undefined : Number(offset);
}

function eventOf(topic: string): string {
  return topic.split(":", 1)[0]!;
}

/** Whether a message is one of those that a topic asks for. */
function isOf(topic: string, { type, event, data, from }: Message): boolean {
  if (type === undefined) {
    // Values are the server's to tell.
    const told = from === undefined && event?.startsWith(DATA_SET);
    return !!told && (topic === "data" || topic === `data:${event!.slice(DATA_SET.length)}`);
  }
  if (topic === type) return true;
  if (eventOf(topic) !== type) return false;
  const id = topic.slice(type.length + 1);
  const about = data as { id?: string; event?: string } | undefined;
  return about?.id === id || about?.event === id;
}
