import type { Room } from "../hub/room.ts";
import type { RoomCache } from "./room_transaction.ts";
import type { KnownHead } from "./staged/log.ts";
import type { KnownRoster } from "./staged/roster.ts";

/** How long after others have written to a room they are given way to, in milliseconds. */
const RIVALRY_MS = 1000;

/** What a lane remembers of rooms between its commits. */
export class RoomMemory {
  readonly #caches = new WeakMap<Room, RoomCache>();
  /** When another isolate has last been seen to write to a room. */
  readonly #rivals = new WeakMap<Room, number>();

  /** @param now milliseconds since 1970. */
  constructor(readonly now: () => number) {}

  of(room: Room): RoomCache {
    let cache = this.#caches.get(room);
    if (!cache) this.#caches.set(room, cache = { counters: new Map() });
    return cache;
  }

  forget(room: Room): void {
    this.#caches.delete(room);
  }

  /** Takes over what others have told of a room's log and roster, if it is news. */
  learn(room: Room, head?: KnownHead, roster?: KnownRoster): void {
    if (head) this.rival(room);
    const cache = this.#caches.get(room);
    if (head && cache?.head?.epoch === head.epoch && cache.head.offset < head.offset) {
      cache.head = head;
    }
    if (roster && cache?.roster && (cache.roster.version ?? "") < (roster.version ?? "")) {
      cache.roster = roster;
    }
  }

  /** Notes that another isolate has written to a room. */
  rival(room: Room): void {
    this.#rivals.set(room, this.now());
  }

  /** Whether one has, of late. */
  isRivalled(room: Room): boolean {
    return (this.#rivals.get(room) ?? 0) > this.now() - RIVALRY_MS;
  }
}
