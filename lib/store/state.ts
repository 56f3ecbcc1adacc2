import { formatDecimal } from "../decimal.ts";
import type { Room } from "../hub/room.ts";
import type { StateReader, StateRef } from "../hub/state_feed.ts";
import type { StateEvent } from "../protocol/topic.ts";
import { fromSum, keys } from "./keys.ts";
import type { Store } from "./store.ts";

/** More tallies than this a poll cannot have: live ones are limited, and dead ones are swept. */
const MAX_TALLIES = 200_000;

/** Reads the state of counters and polls as it is sent. */
export class StoredState implements StateReader {
  constructor(readonly store: Store) {}

  async read(room: Room, refs: readonly StateRef[]): Promise<string[]> {
    const counterIds = refs.filter(({ event }) => event === "counter").map(({ id }) => id);
    const counters = this.store.getMany(counterIds.map((id) => keys.counter(room.name, id)));
    const frames = await Promise.all(refs.map(async ({ event, id }) => {
      if (event === "ephemeralPoll") return pollMessage(event, id, room.ephemeralPolls.stats(id));
      if (event === "poll") return pollMessage(event, id, await this.#tallies(room.name, id));
      const entry = (await counters)[counterIds.indexOf(id)]!;
      const value = formatDecimal(fromSum(entry.value as Deno.KvU64 | null));
      return JSON.stringify({ type: event, data: { id, value } });
    }));
    await counters;
    return frames;
  }

  async ids(room: Room, event: StateEvent): Promise<string[]> {
    if (event === "ephemeralPoll") return room.ephemeralPolls.ids();
    const prefix = event === "counter" ? keys.counters(room.name) : keys.polls(room.name);
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

function pollMessage(type: string, id: string, stats: ReadonlyMap<string, number>): string {
  // fromEntries defines members, so that an answer `__proto__` is one like any other.
  return JSON.stringify({ type, data: { id, stats: Object.fromEntries(stats) } });
}
