import { formatDecimal, parseDecimal } from "../../lib/decimal.ts";
import type { Entry, Message, Sight } from "./history.ts";

/** A counter or a poll. `size` is what only grows: a counter's value, and a poll's votes. */
interface State {
  readonly size: bigint;
  readonly text: string;
}

/** A state that is made by messages. */
interface Model extends State {
  apply(client: string, message: Message): void;
}

/**
 * A counter, of positive increments only, is in the end their exact sum for everyone who is there.
 * Nobody sees it go back, whatever was lost between, nor more than had been sent; and who connects
 * sees at least what had been acknowledged.
 */
export function counters(entries: readonly Entry[]): Iterable<string> {
  return states(entries, "counter", () => new Counter());
}

/** A poll has, in the end, each session's last vote; its votes together keep the rules of a sum. */
export function polls(entries: readonly Entry[]): Iterable<string> {
  return states(entries, "poll", () => new Poll());
}

class Counter implements Model {
  size = 0n;

  get text(): string {
    return formatDecimal(this.size);
  }

  apply(_client: string, message: Message): void {
    if (message.type === "counter") this.size += parseDecimal(message.data.value)!;
  }
}

class Poll implements Model {
  readonly #votes = new Map<string, string>();

  get size(): bigint {
    return BigInt(this.#votes.size);
  }

  get text(): string {
    const stats: Record<string, number> = {};
    for (const answer of this.#votes.values()) stats[answer] = (stats[answer] ?? 0) + 1;
    return inOrder(stats);
  }

  apply(client: string, message: Message): void {
    if (message.type === "poll") this.#votes.set(client, message.data.answer);
  }
}

function* states(
  entries: readonly Entry[],
  type: "counter" | "poll",
  make: () => Model,
): Iterable<string> {
  const sent = new Models(make);
  const acknowledged = new Models(make);
  const unacknowledged = new Map<string, Message & { type: typeof type }>();
  const keys = new Set<string>();
  /** What each client that is here has seen last, and what it must see at least, by id. */
  const here = new Map<string, { seen: Map<string, State>; floors: Map<string, bigint> }>();
  for (const entry of entries) {
    const { client } = entry;
    if (entry.does === "connect") {
      const floors = new Map([...acknowledged.byId].map(([id, { size }]) => [id, size]));
      here.set(client, { seen: here.get(client)?.seen ?? new Map(), floors });
    } else if (entry.does === "leave") {
      here.delete(client);
    } else if (entry.does === "send" && entry.message.type === type) {
      const { key, message } = entry;
      if (keys.has(key)) continue;
      keys.add(key);
      unacknowledged.set(key, message);
      sent.of(message.data.id).apply(client, message);
    } else if (entry.does === "ack") {
      const message = unacknowledged.get(entry.key);
      if (!message) continue;
      unacknowledged.delete(entry.key);
      acknowledged.of(message.data.id).apply(client, message);
    } else if (entry.does === "see" && entry.sight.type === type) {
      const { id } = entry.sight;
      const state = stateOf(entry.sight);
      const { seen, floors } = here.get(client)!;
      const last = seen.get(id);
      const told = `${client} saw ${id} as ${state.text}`;
      if (last && state.size < last.size) yield `${told} after ${last.text}`;
      if (state.size < (floors.get(id) ?? 0n)) yield `${told}: less than was acknowledged before`;
      if (state.size > sent.of(id).size) yield `${told}: more than was sent`;
      seen.set(id, state);
    }
  }
  for (const [client, { seen }] of here) {
    for (const [id, { text }] of sent.byId) {
      const last = seen.get(id)?.text;
      if (last !== text) yield `${client} saw ${id} as ${last} in the end: it is ${text}`;
    }
  }
}

/** The models of one kind, each made when first asked for. */
class Models {
  readonly byId = new Map<string, Model>();

  constructor(readonly make: () => Model) {}

  of(id: string): Model {
    const model = this.byId.get(id) ?? this.make();
    this.byId.set(id, model);
    return model;
  }
}

function stateOf(sight: Sight): State {
  if (sight.type === "counter") return { size: parseDecimal(sight.value)!, text: sight.value };
  if (sight.type !== "poll") throw new TypeError(`${sight.type} is no state`);
  const votes = Object.values(sight.stats).reduce((sum, count) => sum + count, 0);
  return { size: BigInt(votes), text: inOrder(sight.stats) };
}

/** A poll's stats as text, the same however they were put together. */
function inOrder(stats: Record<string, number>): string {
  return JSON.stringify(Object.entries(stats).sort(([a], [b]) => a < b ? -1 : 1));
}
