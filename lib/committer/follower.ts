import type { Room } from "../hub/room.ts";
import { type Head, keys } from "../store/keys.ts";
import type { Log } from "../store/log.ts";
import { readText } from "../store/text.ts";

/** A room on its way to a head. */
interface Chase {
  target: Head;
  waiting: { readonly offset: number; readonly resolve: () => void }[];
}

/** How many events are read at a time; several calls to the store do it together. */
const MAX_EVENTS = 400;

/**
 * Brings rooms to where the store says their logs are: one that has just been opened is placed
 * there, and to one that has missed events, which others have appended, they are delivered. Where
 * the log does not hold them any more, the room's members are sent away to come back, and will be
 * told so.
 */
export class Follower {
  readonly #chases = new Map<Room, Chase>();

  constructor(readonly log: Log) {}

  /** Resolves when the room has come to `head`, however long the store takes over it. */
  follow(room: Room, head: Head): Promise<void> {
    if (reached(room, head)) return Promise.resolve();
    let chase = this.#chases.get(room);
    if (!chase) {
      chase = { target: head, waiting: [] };
      this.#chases.set(room, chase);
      this.#run(room, chase);
    } else if (chase.target.epoch !== head.epoch || chase.target.offset < head.offset) {
      chase.target = head;
    }
    const { waiting } = chase;
    return new Promise((resolve) => waiting.push({ offset: head.offset, resolve }));
  }

  async #run(room: Room, chase: Chase): Promise<void> {
    while (!this.log.store.closed && !reached(room, chase.target)) {
      try {
        await this.#step(room, chase.target);
      } catch {
        await this.log.store.retry();
      }
      const here = chase.waiting.filter(({ offset }) => offset <= room.cursor);
      chase.waiting = chase.waiting.filter(({ offset }) => offset > room.cursor);
      for (const { resolve } of here) resolve();
    }
    this.#chases.delete(room);
    for (const { resolve } of chase.waiting) resolve();
  }

  async #step(room: Room, { epoch, offset }: Head): Promise<void> {
    const goTo = async (): Promise<void> => {
      const { text: config = "" } = await readText(this.log.store, keys.config(room.name));
      if (room.cursor < offset || room.epoch !== epoch) room.place(epoch, offset, config);
    };
    if (room.epoch !== epoch) return await goTo();
    const from = room.cursor + 1;
    const before = Math.min(offset + 1, from + MAX_EVENTS);
    for (const entry of await this.log.readAll(room.name, from, before)) {
      if (entry.offset > room.cursor + 1) return await goTo();
      room.deliver(entry);
    }
    if (room.cursor < before - 1) await goTo();
  }
}

function reached(room: Room, { epoch, offset }: Head): boolean {
  return room.epoch === epoch && room.cursor >= offset;
}
