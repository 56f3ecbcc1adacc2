import { formatDecimal } from "../decimal.ts";
import { counterMessage, dataMessage, pollMessage } from "../protocol/state.ts";
import type { StateEvent, StateRef, StoredStateEvent } from "../protocol/topic.ts";
import { fromSum, keys } from "./keys.ts";
import type { Store } from "./store.ts";
import { readText } from "./text.ts";

/** More tallies than this a poll cannot have: live ones are limited, and dead ones are swept. */
const MAX_ENTRIES = 200_000;

/** Reads the counters, polls and data of rooms as the messages that tell of them. */
export class StoredState {
  constructor(readonly store: Store) {}

  async read(room: string, refs: readonly StateRef[]): Promise<string[]> {
    const ids = refs.filter(({ event }) => event === "counter").map(({ id }) => id);
    const reading = this.store.getMany(ids.map((id) => keys.counter(room, id)));
    const others = refs.map(({ event, id }) => {
      return event === "counter" ? undefined : this.#message(room, event, id);
    });
    const [counters, ...messages] = await Promise.all([reading, ...others]);
    return refs.map(({ id }, i) => {
      return messages[i] ?? counterMessage(id, valueOf(counters.shift()!));
    });
  }

  async ids(room: string, event: StoredStateEvent): Promise<string[]> {
    const prefix = PREFIXES[event](room);
    const entries = await this.store.list({ prefix }, { limit: MAX_ENTRIES });
    return [...new Set(entries.map((entry) => String(entry.key[prefix.length])))];
  }

  /** A counter's value, a decimal as text. */
  async counter(room: string, id: string): Promise<string> {
    return valueOf(await this.store.get(keys.counter(room, id)));
  }

  /** How many have given each answer of a poll. */
  async poll(room: string, id: string): Promise<Map<string, number>> {
    const selector = { prefix: keys.tallies(room, id) };
    const tallies = await this.store.list<Deno.KvU64>(selector, { limit: MAX_ENTRIES });
    const stats = new Map<string, number>();
    for (const { key, value } of tallies) {
      const count = Number(fromSum(value));
      if (count > 0) stats.set(String(key.at(-1)), count);
    }
    return stats;
  }

  /** A value of the room's data as JSON text, and its version. */
  data(room: string, key: string): Promise<{ text?: string; version: string | null }> {
    return readText(this.store, keys.data(room, key));
  }

  retry(): Promise<void> {
    return this.store.retry();
  }

  async #message(room: string, event: StateEvent, id: string): Promise<string> {
    if (event === "data") return dataMessage(id, (await this.data(room, id)).text);
    return pollMessage("poll", id, await this.poll(room, id));
  }
}

const PREFIXES: Record<StoredStateEvent, (room: string) => Deno.KvKey> = {
  counter: keys.counters,
  poll: keys.polls,
  data: keys.allData,
};

function valueOf({ value }: Deno.KvEntryMaybe<unknown>): string {
  return formatDecimal(fromSum(value as Deno.KvU64 | null));
}
