import type { Outside } from "./outside.ts";
import { Room } from "./room.ts";
import type { StateReader } from "./state_feed.ts";
import { Targets } from "./targets.ts";
import { Users } from "./users.ts";

/** The rooms that somebody on this isolate is in, or on the way into or out of. */
export class Hub {
  readonly rooms: Map<string, Room> = new Map();
  readonly targets: Targets;
  /** The way to other isolates, where there may be any. */
  outside: Outside | undefined;
  /** Told of a room that nobody is in any more, but that this isolate is still on the roster of. */
  onVacant: (room: Room) => void = () => {};

  /** @param now milliseconds since 1970. */
  constructor(readonly reader: StateReader, readonly now: () => number) {
    const membersOf = (name: string) => this.rooms.get(name)?.members.values() ?? [];
    this.targets = new Targets(new Users(now), membersOf);
  }

  /** Opens a room and keeps it open until {@linkcode Hub.release} has been called as often. */
  hold(name: string): Room {
    let room = this.rooms.get(name);
    if (!room) {
      room = new Room(name, this.reader, this.targets, this.outside);
      this.rooms.set(name, room);
    }
    room.holders++;
    return room;
  }

  release(room: Room): void {
    room.holders--;
    if (room.holders > 0) return;
    if (room.sharing?.joined) this.onVacant(room);
    else this.rooms.delete(room.name);
  }
}
