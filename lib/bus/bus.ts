import type { Committer } from "../committer/committer.ts";
import type { Follower } from "../committer/follower.ts";
import type { Peers, RoomNote } from "../committer/peers.ts";
import { ProtocolError } from "../errors.ts";
import {
  type Held,
  type HeldPath,
  type HeldRef,
  type HeldWrite,
  MAX_WRITES,
  MAX_WRITES_LENGTH,
} from "../hub/holdings.ts";
import type { Hub } from "../hub/hub.ts";
import type { Outside } from "../hub/outside.ts";
import type { Room } from "../hub/room.ts";
import type { Json } from "../protocol/json.ts";
import { type AliveRecord, keys, type MailFields } from "../store/keys.ts";
import type { Store } from "../store/store.ts";
import { Bell } from "./bell.ts";
import { FastLane, type OpenChannel } from "./channel.ts";
import { Inbox } from "./inbox.ts";
import { Life } from "./life.ts";
import { RoomNews } from "./room_news.ts";
import { SIGNAL_MS, Signals } from "./signals.ts";
import { sweep } from "./sweep.ts";
import { Directory } from "./directory.ts";

export interface BusOptions {
  /** Names the place of the store: isolates of one process on the same one are siblings. */
  readonly place: string;
  readonly openChannel: OpenChannel;
  readonly leaseMs: number;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly about: () => Omit<AliveRecord, "at" | "dead">;
  readonly report: (event: string, properties: Record<string, unknown>) => void;
}

/** What this isolate is among its peers under one name. */
interface Identity {
  readonly life: Life;
  readonly inbox: Inbox;
  readonly bell: Bell;
}

/** How long a room that everyone has left is kept for those who come back, in milliseconds. */
const VACANT_MS = 1000;

/**
 * The way to the other isolates on the same store. What is committed lies in each one's inbox, and
 * its bell is rung; siblings in the same process are told faster, and repair from the store what
 * they have missed. An isolate that is alone has nothing to do here: no timer runs, nothing is read.
 */
export class Bus implements Peers, Outside {
  self: string = crypto.randomUUID();
  readonly former = new Set<string>();
  readonly #hub: Hub;
  readonly #store: Store;
  readonly #options: BusOptions;
  readonly #committer: Committer;
  readonly #lane: FastLane;
  readonly #news: RoomNews;
  readonly #signals: Signals;
  readonly #directory: Directory;
  readonly #vacant = new Set<Room>();
  #vacantTimer: ReturnType<typeof setTimeout> | undefined;
  #identity: Identity | undefined;
  #beginning: Promise<void> | undefined;
  #beatTimer: ReturnType<typeof setTimeout> | undefined;
  #beating = false;
  /** Whether a beat was asked for during another. */
  #beatDue = false;
  /** Whether there is no other isolate to beat for. */
  alone = true;
  #mails = 0;
  #closed = false;

  constructor(
    hub: Hub,
    committer: Committer,
    follower: Follower,
    store: Store,
    options: BusOptions,
  ) {
    this.#hub = hub;
    this.#store = store;
    this.#committer = committer;
    this.#options = options;
    this.#news = new RoomNews(hub, committer, follower, store);
    this.#signals = new Signals(store, options.now);
    this.#directory = new Directory(store, hub.targets, () => this.self);
    this.#lane = new FastLane(options.openChannel, `tallyroom ${options.place}`, {
      onMessage: (kind, body) => this.#hear(kind, body),
      onMissed: () => this.#identity?.inbox.look(),
    });
    hub.onVacant = (room) => this.#leaveSoon(room);
  }

  // What the committer asks.

  async ready(): Promise<void> {
    try {
      await (this.#beginning ??= this.#begin());
    } catch (error) {
      this.#beginning = undefined;
      throw error;
    }
  }

  async absent(names: readonly string[]): Promise<Set<string>> {
    return await this.#identity?.life.absent(names) ?? new Set();
  }

  reaches(name: string): boolean {
    return this.#lane.reaches(name);
  }

  tell(versionstamp: string, notes: readonly RoomNote[]): void {
    this.#lane.send("commit", { versionstamp, notes } satisfies CommitBody);
  }

  nextMail(): number {
    return ++this.#mails;
  }

  // What rooms ask.

  async publish(room: Room, writes: () => readonly HeldWrite[]): Promise<void> {
    const most = { size: MAX_WRITES_LENGTH, mutations: 2 * MAX_WRITES };
    const handle = () => {
      if (this.#closed) throw new ProtocolError("unavailable", "The server is shutting down.");
      return { held: writes() };
    };
    await this.#committer.change(room, handle, most);
  }

  async read(room: string, refs: readonly HeldRef[]): Promise<Held[][]> {
    const single = refs.filter(({ path }) => path);
    const values = this.#store.getMany(
      single.map(({ peer, path }) => keys.holding(room, peer, path!)),
    );
    const lists = await Promise.all(refs.map(({ peer, path }) => {
      return path ? undefined : this.#listHoldings(room, peer);
    }));
    const found = await values;
    return refs.map(({ path }, i) => {
      if (!path) return lists[i]!;
      const { value } = found.shift()!;
      return value === null ? [] : [{ path, value: value as Json }];
    });
  }

  async whenBack(): Promise<void> {
    if (this.#closed) await new Promise(() => {});
    await new Promise((resolve) => setTimeout(resolve, 50));
    await this.#store.whenBack();
  }

  signal(room: Room, topic: string, sender: string, frame: string): void {
    const { others } = room.sharing!;
    if (others.some((peer) => this.#lane.reaches(peer))) {
      this.#lane.send("signal", { room: room.name, topic, frame } satisfies SignalBody);
    }
    const to = others.filter((peer) => !this.#lane.reaches(peer));
    this.#signals.send({ to, room: room.name, topic, sender, frame });
  }

  tellStatus(room: Room, user: string, frame: string): void {
    if (this.#closed) return;
    const mails = room.sharing!.others.map((to) => {
      return { to, kind: "status", about: user, text: frame } as const;
    });
    this.#committer.post(room, mails);
  }

  async isOffline(user: string): Promise<boolean> {
    return await this.#directory.isOffline(user);
  }

  /** What the isolates on the store last said of themselves; this one is among them. */
  async peers(): Promise<AliveRecord[]> {
    if (this.alone) return [];
    const entries = await this.#store.list<AliveRecord>({ prefix: keys.peers() }, { limit: 1000 });
    return entries.map(({ value }) => value).filter(({ dead }) => !dead);
  }

  /** Leaves all rooms, and clears up after this isolate as after a dead one. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#beatTimer);
    clearTimeout(this.#vacantTimer);
    this.#directory.close();
    this.#lane.close();
    this.#identity?.inbox.close();
    this.#identity?.bell.close();
    if (this.#identity && !this.#store.away) await sweep(this.#store, this.self).catch(() => {});
  }

  async #begin(): Promise<void> {
    const { now, leaseMs, about } = this.#options;
    const life = new Life(this.#store, this.self, { now, leaseMs, about });
    await life.begin();
    if (this.#closed) return;
    const inbox = new Inbox(this.#store, this.self, {
      onMark: (found) => this.#news.look(found),
      onUser: (user) => this.#directory.look(user),
      onMail: (fields, text) => this.#readMail(fields, text),
    });
    const bell = new Bell(this.#store, this.self, () => this.#rung());
    this.#identity = { life, inbox, bell };
    this.#lane.introduce(this.self);
    this.#beatIn(0);
  }

  #rung(): void {
    this.#identity?.inbox.look();
    // Nobody rings but others: there is somebody to beat for.
    if (this.alone) this.#beatIn(0);
  }

  #beatIn(ms: number): void {
    clearTimeout(this.#beatTimer);
    if (!this.#closed) this.#beatTimer = setTimeout(() => this.#beat(), ms);
  }

  async #beat(): Promise<void> {
    this.#beatDue = this.#beating;
    if (this.#beating || this.#closed) return;
    this.#beating = true;
    let next: number | undefined;
    try {
      next = await this.#beatOnce();
    } catch {
      await this.#store.whenBack();
      next = this.#identity!.life.beatMs;
    }
    this.#beating = false;
    if (this.#beatDue) next = 0;
    if (next !== undefined) this.#beatIn(next);
  }

  /** Returns in how many milliseconds to beat again, if at all. */
  async #beatOnce(): Promise<number | undefined> {
    const { life, inbox, bell } = this.#identity!;
    const { declaredDead, neighbour, met, dead } = await life.beat();
    if (declaredDead) {
      await this.#beginAnew();
      return 0;
    }
    this.alone = neighbour === undefined;
    this.#directory.activate(!this.alone);
    if (met) await this.#store.commit((atomic) => atomic.set(keys.bell(neighbour!), 0));
    if (dead) {
      this.#options.report("clearing up after a dead isolate", { peer: neighbour });
      this.#lane.forget(neighbour!);
      await sweep(this.#store, neighbour!);
    }
    await inbox.tidy();
    if (dead) return 0;
    // Siblings do not ring, and may not have been heard. For all others the watch should have been.
    if (await inbox.look()) bell.reopen();
    return this.alone && !inbox.busy ? this.#restMs : life.beatMs;
  }

  /**
   * How long an isolate without others rests. Where a server holds the store its watch may have
   * fallen silent; the runtime's own engine is heard of at once.
   */
  get #restMs(): number | undefined {
    return this.#store.embedded ? undefined : this.#options.leaseMs;
  }

  /** Comes back under another name, after the others have cleared up after this one. */
  async #beginAnew(): Promise<void> {
    this.#options.report("was found dead, and begins anew", { peer: this.self });
    const { inbox, bell } = this.#identity!;
    inbox.close();
    bell.close();
    const formerly = this.self;
    this.former.add(formerly);
    this.self = crypto.randomUUID();
    await (this.#beginning = this.#begin());
    this.#directory.renew();
    // What was written under the old name before this was known, nobody else would clear up.
    await sweep(this.#store, formerly);
    // Any commit puts this isolate back on a room's roster.
    for (const room of this.#hub.rooms.values()) {
      this.#committer.change(room, () => ({})).catch(() => {});
    }
  }

  #hear(kind: string, body: unknown): void {
    if (kind === "signal") {
      const { room, topic, frame } = body as SignalBody;
      this.#hub.rooms.get(room)?.signal(topic, frame);
    } else if (kind === "commit") {
      const { versionstamp, notes } = body as CommitBody;
      for (const note of notes) this.#hearNote(note, versionstamp);
    }
  }

  async #hearNote(note: RoomNote, versionstamp: string): Promise<void> {
    const { room, marks, roster } = note;
    if (!roster.includes(this.self)) return;
    try {
      await this.#news.hear(note, versionstamp);
      for (const mark of marks) this.#identity?.inbox.heard(room, mark, versionstamp);
    } catch {
      // The store cannot be read: the marks lie there still.
    }
  }

  #readMail({ room: name, kind, about, at }: MailFields, text: string): void {
    if (kind === "target") {
      const { target, frame } = JSON.parse(text);
      return this.#hub.targets.send(target, frame);
    }
    const room = this.#hub.rooms.get(name);
    if (!room) return;
    if (kind === "relay") room.relays.show(about, text);
    else if (kind === "status") room.presence.status(about, JSON.parse(text).data.status, text);
    else if (this.#options.now() - at < SIGNAL_MS) room.signal(about, text);
  }

  async #listHoldings(room: string, peer: string): Promise<Held[]> {
    const prefix = keys.holdings(room, peer);
    const entries = await this.#store.list<Json>({ prefix }, { limit: 100_000 });
    return entries.map(({ key, value }) => {
      return { path: key.slice(prefix.length) as unknown as HeldPath, value };
    });
  }

  /** Gives a room up that everyone has left, if nobody comes back at once. */
  #leaveSoon(room: Room): void {
    this.#vacant.add(room);
    if (this.#closed) return;
    this.#vacantTimer ??= setTimeout(() => {
      this.#vacantTimer = undefined;
      const rooms = [...this.#vacant];
      this.#vacant.clear();
      for (const vacant of rooms) if (vacant.holders === 0) this.#leave(vacant);
    }, VACANT_MS);
  }

  #leave(room: Room): void {
    // Others may have come by the time it is this change's turn.
    const handle = () => room.holders > 1 ? {} : room.sharing!.leave();
    const most = { mutations: 2 * MAX_WRITES };
    this.#committer.change(room, handle, most).catch(() => {});
  }
}

interface CommitBody {
  readonly versionstamp: string;
  readonly notes: readonly RoomNote[];
}

interface SignalBody {
  readonly room: string;
  readonly topic: string;
  readonly frame: string;
}
