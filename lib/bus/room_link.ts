import type { Committer } from "../committer/committer.ts";
import { ProtocolError } from "../errors.ts";
import {
  type Held,
  type HeldPath,
  type HeldRef,
  type HeldWrite,
  MAX_WRITES,
  MAX_WRITES_LENGTH,
} from "../hub/holdings.ts";
import type { Outside } from "../hub/outside.ts";
import type { Room } from "../hub/room.ts";
import type { Json } from "../protocol/json.ts";
import { keys } from "../store/keys.ts";
import type { Store } from "../store/store.ts";
import type { FastLane } from "./channel.ts";
import type { Directory } from "./directory.ts";
import type { Signals } from "./signals.ts";

/** What siblings tell each other of a signal. */
export interface SignalBody {
  readonly room: string;
  readonly topic: string;
  readonly frame: string;
}

const EVERYTHING = 100_000;

/** The rooms' way to the other isolates. */
export class RoomLink implements Outside {
  #closed = false;

  constructor(
    readonly store: Store,
    readonly committer: Committer,
    readonly lane: FastLane,
    readonly directory: Directory,
    readonly signals: Signals,
    readonly name: () => string,
  ) {}

  get self(): string {
    return this.name();
  }

  async publish(room: Room, writes: () => readonly HeldWrite[]): Promise<void> {
    const handle = () => {
      if (this.#closed) throw new ProtocolError("unavailable", "The server is shutting down.");
      return { held: writes() };
    };
    const most = { size: MAX_WRITES_LENGTH, mutations: 2 * MAX_WRITES };
    await this.committer.change(room, handle, most);
  }

  async read(room: string, refs: readonly HeldRef[]): Promise<Held[][]> {
    const single = refs.filter(({ path }) => path)
      .map(({ peer, path }) => keys.holding(room, peer, path!));
    const [found, lists] = await Promise.all([
      this.store.getMany(single),
      Promise.all(refs.map(({ peer, path }) => path ? [] : this.#list(room, peer))),
    ]);
    return refs.map(({ path }, i) => {
      if (!path) return lists[i]!;
      const { value } = found.shift()!;
      return value === null ? [] : [{ path, value: value as Json }];
    });
  }

  async whenBack(): Promise<void> {
    // After the end there is nothing worth another try.
    if (this.#closed) await new Promise(() => {});
    await this.store.retry();
  }

  signal(room: Room, topic: string, sender: string, frame: string): void {
    const { others } = room.sharing!;
    const to = others.filter((peer) => !this.lane.reaches(peer));
    if (to.length < others.length) {
      this.lane.send("signal", { room: room.name, topic, frame } satisfies SignalBody);
    }
    this.signals.send({ to, room: room.name, topic, sender, frame });
  }

  tellStatus(room: Room, user: string, frame: string): void {
    if (this.#closed) return;
    const mails = room.sharing!.others.map((to) => {
      return { to, kind: "status", about: user, text: frame } as const;
    });
    this.committer.post(room, mails);
  }

  async isOffline(user: string): Promise<boolean> {
    return await this.directory.isOffline(user);
  }

  /** Shows nothing any more. */
  close(): void {
    this.#closed = true;
  }

  async #list(room: string, peer: string): Promise<Held[]> {
    const prefix = keys.holdings(room, peer);
    const entries = await this.store.list<Json>({ prefix }, { limit: EVERYTHING });
    return entries.map(({ key, value }) => {
      return { path: key.slice(prefix.length) as unknown as HeldPath, value };
    });
  }
}
