import { Room } from "./room.ts";
import type { StateReader } from "./state_feed.ts";

/** The rooms that somebody on this isolate is in, or on the way into. */
export class Hub {
  readonly rooms = new Map<string, Room>();

  constructor(readonly reader: StateReader) {}

  /** Opens a room and keeps it open until {@linkcode Hub.release} has been called as often. */
  hold(name: string): Room {
    let room = this.rooms.get(name);
    if (!room) {
      room = new Room(name, this.reader);
      this.rooms.set(name, room);
    }
    room.holders++;
    return room;
  }

  release(room: Room): void {
    room.holders--;
    if (room.holders === 0) this.rooms.delete(room.name);
  }
}
