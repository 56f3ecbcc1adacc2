import { formatDecimal } from "../decimal.ts";
import { counterMessage, pollMessage } from "../protocol/state.ts";
import type { StateRef, StoredStateEvent } from "../protocol/topic.ts";
import { fromSum, keys } from "./keys.ts";
import type { Store } from "./store.ts";

/** More tallies than this a poll cannot have: live ones are limited, and dead ones are swept. */
const MAX_TALLIES = 200_000;

/** Reads the counters and polls of rooms as the messages that tell of them. */
export class StoredState {
  constructor(readonly store: Store) {}

  async read(room: string, refs: readonly StateRef[]): Promise<string[]> {
    const ids = refs.filter(({ event }) => event === "counter").map(({ id }) => id);
    const reading = this.store.getMany(ids.map((id) => keys.counter(room, id)));
    const polls = refs.map(({ event, id }) => {
      return event === "poll" ? this.#tallies(room, id) : undefined;
    });
    const [counters, ...tallies] = await Promise.all([reading, ...polls]);
    return refs.map(({ id }, i) => {
      const stats = tallies[i];
      if (stats) return pollMessage("poll", id, stats);
      const { value } = counters.shift()!;
      return counterMessage(id, formatDecimal(fromSum(value as Deno.KvU64 | null)));
    });
  }

  async ids(room: string, event: StoredStateEvent): Promise<string[]> {
    const prefix = event === "counter" ? keys.counters(room) : keys.polls(room);
    const entries = await this.store.list({ prefix }, { limit: MAX_TALLIES });
    return [...new Set(entries.map((entry) => String(entry.key[prefix.length])))];
  }

  whenBack(): Promise<void> {
    return this.store.whenBack();
  }

  async #tallies(room: string, poll: string): Promise<Map<string, number>> {
    const selector = { prefix: keys.tallies(room, poll) };
    const tallies = await this.store.list<Deno.KvU64>(selector, { limit: MAX_TALLIES });
    const stats = new Map<string, number>();
    for (const { key, value } of tallies) {
      const count = Number(fromSum(value));
      if (count > 0) stats.set(String(key.at(-1)), count);
    }
    return stats;
  }
}
