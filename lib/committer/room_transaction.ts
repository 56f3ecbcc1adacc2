import type { Profile } from "../hub/profile.ts";
import type { Room } from "../hub/room.ts";
import type { Seat } from "../hub/seat.ts";
import { type Head, keys } from "../store/keys.ts";
import type { LogEntry } from "../protocol/log_entry.ts";
import type { Target } from "../protocol/target.ts";
import type { Store } from "../store/store.ts";
import { pieceCount, setText } from "../store/text.ts";
import type { Change, Mail, Need, RoomView, StoredSession } from "./change.ts";
import type { Peers, RoomNote } from "./peers.ts";
import type { Cost } from "./staged/cost.ts";
import { type SeenCounters, StagedCounters } from "./staged/counters.ts";
import { StagedData } from "./staged/data.ts";
import { type KnownHead, StagedLog } from "./staged/log.ts";
import { StagedOnce } from "./staged/once.ts";
import { StagedPolls } from "./staged/polls.ts";
import { Reads } from "./staged/reads.ts";
import { type KnownRoster, StagedRoster } from "./staged/roster.ts";
import { StagedSessions } from "./staged/sessions.ts";
import { LocatedTargets } from "./staged/targets.ts";

/** What a committer remembers of a room between commits. A wrong memory makes a commit fail. */
export interface RoomCache {
  head?: KnownHead;
  roster?: KnownRoster;
  readonly counters: SeenCounters;
}

export interface TransactionOptions {
  readonly now: () => number;
  readonly newEpoch: () => string;
  readonly historySeconds: number;
  readonly sessionSeconds: number;
  readonly maxPollAnswers: number;
  /** The other isolates; none where the store is this one's alone. */
  readonly peers: () => Peers | undefined;
  /** How many isolates may have members in one room. */
  readonly maxPeers: number;
}

/**
 * One room's part of a commit. What its commands need is read, what they ask for is staged where
 * the commands after them see it, and all of it goes into one atomic operation.
 */
export class RoomTransaction implements RoomView {
  readonly once: StagedOnce;
  readonly #now: number;
  readonly #log: StagedLog;
  readonly #counters: StagedCounters;
  readonly #polls: StagedPolls;
  readonly #data: StagedData;
  readonly #sessions: StagedSessions;
  readonly #targets: Target[] = [];
  readonly #located: LocatedTargets;
  readonly #profiles = new Map<Seat, Profile>();
  readonly #roster: StagedRoster | undefined;
  readonly #reads = new Reads();
  #config: string | undefined;

  constructor(
    readonly room: Room,
    readonly cache: RoomCache,
    readonly options: TransactionOptions,
    readonly cost: Cost,
  ) {
    const { name } = room;
    this.#now = options.now();
    this.#log = new StagedLog(name, cache.head, this.cost);
    this.#log.plan(this.#reads, options.newEpoch);
    this.#counters = new StagedCounters(name, cache.counters, this.cost, this.#now);
    this.#polls = new StagedPolls(name, this.cost, options.maxPollAnswers);
    this.#data = new StagedData(name, this.cost);
    this.#sessions = new StagedSessions(name, this.cost);
    this.once = new StagedOnce(this.cost, this.#now);
    const peers = options.peers();
    this.#located = new LocatedTargets(room.targets, peers?.self);
    this.#roster = peers &&
      new StagedRoster(name, cache.roster, peers, options.maxPeers, this.cost);
    this.#roster?.plan(this.#reads);
  }

  /** Plans to read what a command must see. */
  need(need: Need): void {
    switch (need.kind) {
      case "counter":
        return this.#counters.plan(this.#reads, need.counter, need.delta);
      case "vote":
        return this.#polls.plan(this.#reads, need.poll, need.session, need.answer);
      case "data":
        return this.#data.plan(this.#reads, need.key);
      case "session":
        return this.#sessions.plan(this.#reads, need.session);
      case "head":
        return this.#log.look(this.#reads, this.options.newEpoch);
      case "target":
        this.#targets.push(need.target);
        return;
    }
  }

  /** Plans to look up whether a message with a key has been sent before. */
  needOnce(session: string, key: string): void {
    this.once.plan(this.#reads, keys.once(this.room.name, session, key));
  }

  /** Whether anything planned must be read; in most batches nothing must. */
  get needsLoading(): boolean {
    return this.#reads.size > 0 || this.#targets.length > 0 && !this.alone;
  }

  async load(store: Store): Promise<void> {
    await this.#reads.run(store);
    await Promise.all([
      this.#polls.loadGrowing(store),
      this.#roster?.load(),
      this.#targets.length > 0 && !this.alone ? this.#locate(store) : undefined,
    ]);
  }

  /** Whether there is nobody else, and this is known. Alone, an isolate has all that there is. */
  get alone(): boolean {
    const peers = this.options.peers();
    return !peers || peers.alone && !peers.introduced();
  }

  async #locate(store: Store): Promise<void> {
    await this.options.peers()?.introduced();
    if (this.alone) return;
    for (const target of this.#targets) this.#located.plan(target);
    await this.#located.load(store);
  }

  /** How many checks of the room as a whole are still to be paid for by the next change. */
  get dueChecks(): number {
    return (this.#log.checked ? 0 : 1) + (this.#roster && !this.#roster.checked ? 1 : 0);
  }

  /** The other isolates in the room. */
  get others(): readonly string[] {
    return this.#roster?.others ?? [];
  }

  /**
   * Makes this isolate one of the room's, if it is not yet. From the head that this commit checks on
   * it will hear of every event.
   */
  enter(): void {
    this.#roster?.enter();
    if (!this.#roster?.joins) return;
    this.#log.create();
    this.#log.guard();
  }

  /** Where the log stands in the store, as far as is known here. */
  get storedHead(): Head {
    return this.#log.known;
  }

  /** Whether the room is in the store. */
  get exists(): boolean {
    return this.#log.known.version !== null;
  }

  counter(id: string): bigint {
    return this.#counters.value(id);
  }

  canVote(poll: string, session: string, answer: string): boolean {
    return this.#polls.canVote(poll, session, answer);
  }

  dataIsAt(key: string, version: string | null): boolean {
    return this.#data.isAt(key, version);
  }

  profile(seat: Seat): Profile {
    return this.#profiles.get(seat) ?? seat.profile;
  }

  session(id: string): StoredSession | undefined {
    return this.#sessions.get(id);
  }

  reach(target: Target): number {
    return this.#located.reach(target);
  }

  get nextSuffix(): number {
    return this.#sessions.nextSuffix;
  }

  /** Stages a change; returns its event as it will stand in the log. */
  stage({ add, vote, data, profile, config, event, held, leave }: Change): LogEntry | undefined {
    if (leave) {
      this.#roster?.leave(held);
      return;
    }
    this.#log.create();
    if (held) this.#roster?.hold(held);
    if (add) {
      this.#counters.add(add.counter, add.delta);
      this.#roster?.mark(["counter", add.counter]);
    }
    if (vote) {
      this.#polls.vote(vote.poll, vote.session, vote.answer);
      this.#roster?.mark(["poll", vote.poll]);
    }
    if (data) {
      this.#data.set(data.key, data.text);
      this.#roster?.mark(["data", data.key]);
    }
    if (profile) {
      this.#sessions.write(profile.session, profile.profile, this.#now);
      if (profile.seat) {
        this.#profiles.set(profile.seat, profile.profile);
        this.#roster?.mark(["session", profile.session]);
      }
    }
    if (config !== undefined) {
      this.#config = config;
      this.cost.spend(0, pieceCount(config), config.length);
    }
    if (!event) return;
    this.#roster?.mark(["log"]);
    return this.#log.append(event);
  }

  /** The mails that take a message to its targets on other isolates. */
  mailsTo(target: Target, frame: string): Mail[] {
    return this.#located.mails(target, frame);
  }

  /** Stages messages for other isolates. */
  post(mails: readonly Mail[]): void {
    this.#roster?.post(mails);
  }

  fill(atomic: Deno.AtomicOperation): void {
    const { historySeconds, sessionSeconds } = this.options;
    this.#log.fill(atomic, this.#now, historySeconds * 1000);
    this.#counters.fill(atomic);
    this.#polls.fill(atomic);
    this.#data.fill(atomic);
    this.#sessions.fill(atomic, this.#now, sessionSeconds * 1000);
    this.once.fill(atomic);
    this.#roster?.fill(atomic, this.#log.head, this.#log.entries, this.#now);
    if (this.#config !== undefined) {
      setText(atomic, keys.config(this.room.name), { fields: {}, text: this.#config });
    }
  }

  /** Takes what has been committed over into the cache, to the seats and to the room. */
  committed(versionstamp: string): void {
    const head = this.#log.committed(versionstamp);
    // Meanwhile others may have told of a later one.
    if (head.offset >= (this.cache.head?.offset ?? 0)) this.cache.head = head;
    const { epoch, offset } = this.#log.known;
    if (this.room.epoch !== epoch) this.room.place(epoch, offset, "");
    this.#counters.committed();
    for (const [seat, profile] of this.#profiles) seat.profile = profile;
    if (!this.#roster) return;
    this.cache.roster = this.#roster.committed(versionstamp);
    this.room.sharing?.meet(this.cache.roster.peers);
    // Whoever was off the roster for a while has missed what was marked meanwhile.
    if (this.#roster.joins && this.room.members.size > 0) this.room.refresh();
  }

  /** What other isolates are to be told of the commit. */
  get note(): RoomNote | undefined {
    const marks = this.#roster?.marks ?? [];
    if (marks.length === 0 || this.others.length === 0) return undefined;
    const { epoch, offset } = this.#log.head;
    const { entries } = this.#log;
    return {
      room: this.room.name,
      epoch,
      offset,
      entries,
      marks,
      roster: this.cache.roster!.peers,
    };
  }

  /** How many events were staged. */
  get appended(): number {
    return this.#log.entries.length;
  }

  /** Wakes the feed for all state that has changed. */
  touch(): void {
    for (const id of this.#counters.touched()) this.room.feed.touch("counter", id);
    for (const id of this.#polls.touched()) this.room.feed.touch("poll", id);
    for (const key of this.#data.touched()) this.room.feed.touch("data", key);
  }

  /** Whether the batch came across tallies that are worth a sweep. */
  get needsSweep(): boolean {
    return this.#polls.empty.length > 0;
  }

  /** Deletes tallies of what nobody votes for any more, each only if that is still so. */
  async sweep(store: Store): Promise<void> {
    for (let i = 0; i < this.#polls.empty.length; i += 10) {
      const some = this.#polls.empty.slice(i, i + 10);
      await store.commit((atomic) => {
        for (const { key, versionstamp } of some) atomic.check({ key, versionstamp }).delete(key);
      });
    }
  }
}
