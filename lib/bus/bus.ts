import type { Committer } from "../committer/committer.ts";
import type { Follower } from "../committer/follower.ts";
import type { Peers, RoomNote } from "../committer/peers.ts";
import type { Hub } from "../hub/hub.ts";
import { type AliveRecord, keys, type MailFields } from "../store/keys.ts";
import type { Store } from "../store/store.ts";
import { Bell } from "./bell.ts";
import { FastLane, type OpenChannel } from "./channel.ts";
import { Directory } from "./directory.ts";
import { Inbox } from "./inbox.ts";
import { Life } from "./life.ts";
import { RoomLink, type SignalBody } from "./room_link.ts";
import { RoomNews } from "./room_news.ts";
import { SIGNAL_MS, Signals } from "./signals.ts";
import { sweep } from "./sweep.ts";
import { Vacancies } from "./vacancies.ts";

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

/**
 * The way to the other isolates on the same store. What is committed lies in each one's inbox, and
 * its bell is rung; siblings in the same process are told faster, and repair from the store what
 * they have missed. An isolate that is alone has nothing to do here: no timer runs, nothing is read.
 */
export class Bus implements Peers {
  self: string = crypto.randomUUID();
  readonly former = new Set<string>();
  readonly #hub: Hub;
  readonly #store: Store;
  readonly #options: BusOptions;
  readonly #committer: Committer;
  readonly #lane: FastLane;
  readonly #news: RoomNews;
  readonly #directory: Directory;
  readonly #vacancies: Vacancies;
  /** The rooms' way out. */
  readonly link: RoomLink;
  #identity: Identity | undefined;
  #beginning: Promise<void> | undefined;
  #beatTimer: ReturnType<typeof setTimeout> | undefined;
  #beating = false;
  /** Whether a beat was asked for during another. */
  #beatDue = false;
  /** Whether there is no other isolate to beat for. */
  alone = true;
  /** Settled by the first beat. */
  readonly #introduced = Promise.withResolvers<void>();
  #isIntroduced = false;
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
    this.#directory = new Directory(store, hub.targets, () => this.self);
    this.#lane = new FastLane(options.openChannel, `tallyroom ${options.place}`, {
      onMessage: (kind, body) => this.#hear(kind, body),
      onMissed: () => this.#identity?.inbox.look(),
    });
    this.#vacancies = new Vacancies(hub, committer);
    const signals = new Signals(store, options.now);
    this.link = new RoomLink(
      store,
      committer,
      this.#lane,
      this.#directory,
      signals,
      () => this.self,
    );
  }

  async ready(): Promise<void> {
    try {
      await (this.#beginning ??= this.#begin());
    } catch (error) {
      this.#beginning = undefined;
      throw error;
    }
  }

  introduced(): Promise<void> | undefined {
    return this.#isIntroduced ? undefined : this.#introduction();
  }

  async #introduction(): Promise<void> {
    await this.ready();
    await this.#introduced.promise;
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

  /** What the isolates on the store last said of themselves; this one is among them. */
  async peers(): Promise<AliveRecord[]> {
    if (this.alone) return [];
    const entries = await this.#store.list<AliveRecord>({ prefix: keys.peers() }, { limit: 1000 });
    return entries.map(({ value }) => value).filter(({ dead }) => !dead);
  }

  /** Leaves all rooms, and clears up after this isolate as after a dead one. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#introduced.resolve();
    clearTimeout(this.#beatTimer);
    this.#vacancies.close();
    this.link.close();
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
    this.#isIntroduced = true;
    this.#introduced.resolve();
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
}

interface CommitBody {
  readonly versionstamp: string;
  readonly notes: readonly RoomNote[];
}
