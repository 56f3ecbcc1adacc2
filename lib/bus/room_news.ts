import type { Committer } from "../committer/committer.ts";
import type { Follower } from "../committer/follower.ts";
import type { RoomNote } from "../committer/peers.ts";
import type { HeldPath } from "../hub/holdings.ts";
import type { Hub } from "../hub/hub.ts";
import { Profile } from "../hub/profile.ts";
import type { Room } from "../hub/room.ts";
import type { LogEntry } from "../protocol/log_entry.ts";
import { type Head, keys, type LogMark, type Mark, type SessionRecord } from "../store/keys.ts";
import type { Store } from "../store/store.ts";
import { pause } from "../pause.ts";
import type { FoundMark } from "./inbox.ts";

/** How long an event that has come out of order waits for those before it, in milliseconds. */
const REORDER_MS = 3;

/** Brings what other isolates have done to rooms to the members here. */
export class RoomNews {
  constructor(
    readonly hub: Hub,
    readonly committer: Committer,
    readonly follower: Follower,
    readonly store: Store,
  ) {}

  /** Looks up what a mark points to. Rejects when the store cannot be read. */
  async look({ room: name, mark, value, versionstamp }: FoundMark): Promise<void> {
    const room = this.hub.rooms.get(name);
    if (!room) return;
    switch (mark[0]) {
      case "log": {
        const { epoch, offset, entries = [] } = value as LogMark;
        this.committer.learn(room, { epoch, offset, version: versionstamp });
        if (follows(room, epoch, entries)) return deliver(room, entries);
        return await this.#follow(room, { epoch, offset });
      }
      case "roster":
        return this.#meet(room, value as string[], versionstamp);
      case "all":
        return await this.#lookAtAll(room);
      default:
        return await this.#lookAt(room, mark);
    }
  }

  /** Takes over what a sibling tells of its commit, without the store as far as possible. */
  async hear(note: RoomNote, versionstamp: string): Promise<void> {
    const room = this.hub.rooms.get(note.room);
    if (!room) return;
    const { epoch, offset, entries, marks, roster } = note;
    for (const mark of marks) {
      if (mark[0] === "roster") this.#meet(room, roster, versionstamp);
      else if (mark[0] === "all") await this.#lookAtAll(room);
      else if (mark[0] !== "log") await this.#lookAt(room, mark);
    }
    if (entries.length === 0) return;
    this.committer.learn(room, { epoch, offset, version: versionstamp });
    // Siblings' commits, and those of this isolate, are told in any order.
    if (!follows(room, epoch, entries)) await pause(REORDER_MS);
    if (!follows(room, epoch, entries)) return await this.#follow(room, { epoch, offset });
    deliver(room, entries);
  }

  async #follow(room: Room, head: Head): Promise<void> {
    // Of two lives of a log, only the store knows the later.
    const known = room.epoch === "" || room.epoch === head.epoch;
    const newest = known ? head : (await this.store.get<Head>(keys.head(room.name))).value;
    // It does not give up, and other rooms need not wait for it.
    if (newest) this.follower.follow(room, newest);
  }

  #meet(room: Room, roster: readonly string[], version: string): void {
    const { sharing } = room;
    if (!sharing) return;
    this.committer.learn(room, undefined, { peers: roster, version });
    const left = sharing.joined && !roster.includes(sharing.outside.self);
    // Whoever took this isolate off thought it dead: any commit puts it back.
    if (left) this.committer.change(room, () => ({})).catch(() => {});
    else sharing.meet(roster);
  }

  async #lookAt(room: Room, mark: Mark): Promise<void> {
    const [kind, name = ""] = mark;
    if (kind === "counter" || kind === "poll" || kind === "data") room.feed.touch(kind, name);
    else if (kind === "session") await this.#readSession(room, name);
    else if (kind === "held") {
      const path = mark.slice(2) as unknown as HeldPath;
      room.sharing?.look(name, path.length > 0 ? path : undefined);
    }
  }

  async #lookAtAll(room: Room): Promise<void> {
    const [head, roster] = await this.store.getMany([keys.head(room.name), keys.roster(room.name)]);
    this.#meet(room, (roster!.value as string[] | null) ?? [], roster!.versionstamp ?? "");
    if (head!.value) await this.#follow(room, head!.value as Head);
    await Promise.all([...room.seats.keys()].map((session) => this.#readSession(room, session)));
    room.refresh();
  }

  /** A session that is here, too, may have been given other properties elsewhere. */
  async #readSession(room: Room, session: string): Promise<void> {
    while (true) {
      const seat = room.seats.get(session);
      if (!seat) return;
      const { profile } = seat;
      const { value } = await this.store.get<SessionRecord>(keys.session(room.name, session));
      // A login here meanwhile is newer than what was read.
      if (seat.profile !== profile) continue;
      if (!value || value.properties === JSON.stringify(profile.properties)) return;
      seat.profile = new Profile(value.suffix, JSON.parse(value.properties));
      return room.profileChanged(seat);
    }
  }
}

/** Whether events are the next of the room's log here, or nothing new. */
function follows(room: Room, epoch: string, entries: readonly LogEntry[]): boolean {
  return entries.length > 0 && room.epoch === epoch && entries[0]!.offset <= room.cursor + 1;
}

function deliver(room: Room, entries: readonly LogEntry[]): void {
  for (const entry of entries) room.deliver(entry);
}
