import type { Committer } from "../committer/committer.ts";
import { MAX_WRITES } from "../hub/holdings.ts";
import type { Hub } from "../hub/hub.ts";
import type { Room } from "../hub/room.ts";

/** How long a room that everyone has left is kept for those who come back, in milliseconds. */
const VACANT_MS = 1000;

/** Takes this isolate off the rosters of rooms that everyone here has left. */
export class Vacancies {
  readonly #rooms = new Set<Room>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #closed = false;

  constructor(hub: Hub, readonly committer: Committer) {
    hub.onVacant = (room) => this.#add(room);
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  #add(room: Room): void {
    if (this.#closed) return;
    this.#rooms.add(room);
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      const rooms = [...this.#rooms];
      this.#rooms.clear();
      for (const vacant of rooms) if (vacant.holders === 0) this.#leave(vacant);
    }, VACANT_MS);
  }

  /** What fails is tried again, since the room is then still vacant. */
  #leave(room: Room): void {
    // Others may have come by the time it is this change's turn.
    const handle = () => room.holders > 1 ? {} : room.sharing!.leave();
    this.committer.change(room, handle, { mutations: 2 * MAX_WRITES }).catch(() => {});
  }
}
