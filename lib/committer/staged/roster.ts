import { ProtocolError } from "../../errors.ts";
import type { LogEntry } from "../../protocol/log_entry.ts";
import { type Head, keys, type LogMark, type Mark } from "../../store/keys.ts";
import type { HeldWrite } from "../../hub/holdings.ts";
import type { Mail } from "../change.ts";
import type { Peers } from "../peers.ts";
import type { Cost } from "./cost.ts";
import { INBOX_MS, ring, StagedMails } from "./mails.ts";
import type { Reads } from "./reads.ts";

/** A room's roster as read or last written, and the version at which that was. */
export interface KnownRoster {
  readonly peers: readonly string[];
  readonly version: string | null;
}

/** How many marks a commit leaves for single things of a room before it marks all of it. */
const MAX_MARKS = 64;
/** How many of what this isolate holds are marked one by one. */
const MAX_HELD_MARKS = 8;
/** How long events may be together, in characters, to be told in a mark itself. */
const MAX_MARKED_LENGTH = 500;

/**
 * The room's roster in a commit: that this isolate is on it, and what is left for the others. The
 * commit checks that the roster is as known, so nobody who has joined can be missed.
 */
export class StagedRoster {
  #known: KnownRoster | undefined;
  /** The roster as the commit leaves it; absent while it does not change it. */
  #changed: string[] | undefined;
  #absent: ReadonlySet<string> = new Set();
  /** Whether the commit checks the roster. */
  checked = false;
  #joins = false;
  #leaves = false;
  #held = 0;
  readonly #marks = new Map<string, Mark>();
  readonly #holdings: HeldWrite[] = [];
  readonly #mails: StagedMails;

  constructor(
    readonly room: string,
    known: KnownRoster | undefined,
    readonly peers: Peers,
    readonly maxPeers: number,
    readonly cost: Cost,
  ) {
    this.#known = known;
    this.#mails = new StagedMails(peers, cost);
  }

  plan(reads: Reads): void {
    if (this.#known) return;
    reads.want(keys.roster(this.room), ({ value, versionstamp }) => {
      this.#known = { peers: (value as string[] | null) ?? [], version: versionstamp };
    });
  }

  /** Finds out what joining needs to know. */
  async load(): Promise<void> {
    if (this.joined) return;
    await this.peers.ready();
    const others = this.#known!.peers.filter((peer) => !this.#isSelf(peer));
    if (others.length > 0) this.#absent = await this.peers.absent(others);
  }

  /** Whether this isolate is on the roster as it stands in the store. */
  get joined(): boolean {
    return this.#known!.peers.includes(this.peers.self);
  }

  /** Whether the commit puts this isolate on the roster. */
  get joins(): boolean {
    return this.#joins;
  }

  /** The other isolates in the room, as the commit leaves it. */
  get others(): readonly string[] {
    return (this.#changed ?? this.#known!.peers).filter((peer) => peer !== this.peers.self);
  }

  /**
   * Makes sure that this isolate is on the roster before anything is changed in the room. Those on
   * it that show no sign of life are taken off: one that lives will learn of it, and come back.
   *
   * @throws {ProtocolError} `limit_exceeded` when the room is on as many isolates as it may be.
   */
  enter(): void {
    this.#check();
    if (this.joined || this.#joins) return;
    const others = this.#known!.peers.filter((peer) =>
      !this.#isSelf(peer) && !this.#absent.has(peer)
    );
    if (others.length >= this.maxPeers) throw tooManyIsolates(this.maxPeers);
    this.#joins = true;
    this.#changed = [...others, this.peers.self];
    this.cost.spend(0, 2, this.#changed.join().length);
    this.mark(["roster"]);
  }

  /** Takes this isolate off the roster, with what it still holds. */
  leave(held: readonly HeldWrite[] = []): void {
    if (!this.joined) return;
    this.#holdings.push(...held);
    this.cost.spend(0, held.length, 0);
    this.#check();
    this.#leaves = true;
    this.#changed = [...this.others];
    this.cost.spend(0, 2, this.#changed.join().length);
    this.mark(["roster"]);
  }

  mark(mark: Mark): void {
    const name = JSON.stringify(mark);
    if (this.#marks.has(name)) return;
    this.#marks.set(name, mark);
    const { length: others } = this.others;
    // The first one rings as well.
    if (this.#marks.size === 1) this.cost.spend(0, 2 * others, 0);
    else if (this.#marks.size * others <= MAX_MARKS) this.cost.spend(0, others, 0);
    if (mark[0] === "log") this.cost.spend(0, 0, others * MAX_MARKED_LENGTH);
  }

  hold(writes: readonly HeldWrite[]): void {
    const { self } = this.peers;
    for (const write of writes) {
      this.#holdings.push(write);
      this.cost.spend(0, 1, JSON.stringify(write).length);
      if (++this.#held <= MAX_HELD_MARKS) this.mark(["held", self, ...write.path]);
      else this.mark(["held", self]);
    }
  }

  post(mails: readonly Mail[]): void {
    this.#mails.post(mails);
  }

  /** What is marked for the others: all, where it would be too much one by one. */
  get marks(): readonly Mark[] {
    const marks = [...this.#marks.values()];
    return marks.length > 1 && marks.length * this.others.length > MAX_MARKS ? [["all"]] : marks;
  }

  /** @param head and `entries`: of the log as the commit leaves it, and what it appends. */
  fill(
    atomic: Deno.AtomicOperation,
    head: Head,
    entries: readonly LogEntry[],
    at: number,
  ): void {
    if (!this.checked) return;
    const { self } = this.peers;
    const key = keys.roster(this.room);
    atomic.check({ key, versionstamp: this.#known!.version });
    if (this.#changed?.length === 0) atomic.delete(key);
    else if (this.#changed) atomic.set(key, this.#changed);
    if (this.#joins) atomic.set(keys.joinedRoom(self, this.room), at);
    if (this.#leaves) atomic.delete(keys.joinedRoom(self, this.room));
    for (const { path, value } of this.#holdings) {
      const holding = keys.holding(this.room, self, path);
      if (value === undefined) atomic.delete(holding);
      else atomic.set(holding, value);
    }
    this.#fillInboxes(atomic, logMark(head, entries), at);
  }

  /** Leaves marks and mails, and rings for those who would not hear of them otherwise. */
  #fillInboxes(atomic: Deno.AtomicOperation, log: LogMark, at: number): void {
    const { self } = this.peers;
    const expireIn = INBOX_MS;
    const rung = this.#mails.fill(atomic, this.room, at);
    // Whoever is taken off the roster may live: it shall know.
    const marked = this.#joins ? this.#known!.peers.filter((peer) => peer !== self) : this.others;
    for (const mark of this.marks) {
      const value = mark[0] === "log" ? log : mark[0] === "roster" ? this.#changed : null;
      for (const peer of marked) {
        atomic.set(keys.mark(peer, this.room, mark), value, { expireIn });
        if (!this.peers.reaches(peer)) rung.add(peer);
      }
    }
    ring(atomic, rung, at);
  }

  /** The roster as it is known after the commit. */
  committed(versionstamp: string): KnownRoster {
    if (!this.#changed) return this.#known!;
    return {
      peers: this.#changed,
      version: this.#changed.length === 0 ? null : versionstamp,
    };
  }

  #check(): void {
    if (this.checked) return;
    this.checked = true;
    this.cost.spend(1, 0, 0);
  }

  #isSelf(peer: string): boolean {
    return peer === this.peers.self || this.peers.former.has(peer);
  }
}

function logMark(head: Head, entries: readonly LogEntry[]): LogMark {
  const length = entries.reduce((sum, { topic, frame }) => sum + topic.length + frame.length, 0);
  return length <= MAX_MARKED_LENGTH ? { ...head, entries } : head;
}

function tooManyIsolates(limit: number): ProtocolError {
  return new ProtocolError(
    "limit_exceeded",
    `The room is served by ${limit} isolates already: connect to one of those.`,
  );
}
