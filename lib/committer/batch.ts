import { ProtocolError, toProtocolError } from "../errors.ts";
import type { Room } from "../hub/room.ts";
import type { Seat } from "../hub/seat.ts";
import type { LogEntry } from "../protocol/log_entry.ts";
import { keys } from "../store/keys.ts";
import type { Log } from "../store/log.ts";
import type { Store } from "../store/store.ts";
import { type Change, checksOf, type Mail, MAX_MAILS_LENGTH } from "./change.ts";
import type { Follower } from "./follower.ts";
import type { Job, JobOutcome } from "./job.ts";
import type { LaneBatch } from "./lane.ts";
import type { RoomNote } from "./peers.ts";
import type { RoomMemory } from "./room_memory.ts";
import { RoomTransaction, type TransactionOptions } from "./room_transaction.ts";
import { Cost } from "./staged/cost.ts";

/** The most that one job costs beside its size: a vote's mutations. */
const JOB_MUTATIONS = 20;
/** The most that it costs for each other isolate in the room: marks, the bell, a mail. */
const JOB_MUTATIONS_PER_PEER = 6;
/** Bytes of a commit for each character of a message: in state and in the log, two bytes each. */
const BYTES_PER_CHARACTER = 4;
/** What its author adds to an event: properties at their largest. */
const JOB_BYTES = 2 * 32_768;

/** How many mails one job may send: each takes two mutations or three, and a bell. */
const MAX_MAILS = 100;

interface Decided {
  readonly job: Job;
  readonly outcome: JobOutcome;
  readonly effects?: readonly Effect[];
}

/** What is to be seen of a change once it has been committed. */
interface Effect {
  readonly entry?: LogEntry;
  readonly send?: Change["send"];
  /** Whose profile has changed. */
  readonly seat?: Seat;
}

/** What the batches of a lane share. */
export interface BatchServices {
  readonly store: Store;
  readonly log: Log;
  readonly follower: Follower;
  readonly memory: RoomMemory;
  readonly options: TransactionOptions;
}

/** Changes to rooms that are committed together. */
export class Batch implements LaneBatch<Job> {
  readonly #transactions = new Map<Room, RoomTransaction>();
  readonly #decided: Decided[] = [];
  readonly #cost = new Cost();

  constructor(readonly services: BatchServices) {}

  /** With `again`, whether keys have been used is looked up, too: nearly always they are new. */
  plan(jobs: readonly Job[], again: boolean): void {
    for (const job of jobs) {
      const transaction = this.#transaction(job.room);
      for (const need of job.needs()) transaction.need(need);
      if (again && job.key !== undefined) transaction.needOnce(job.session, job.key);
    }
  }

  load(): Promise<unknown> | undefined {
    const loading = [...this.#transactions.values()].filter((transaction) =>
      transaction.needsLoading
    );
    if (loading.length === 0) return undefined;
    return Promise.all(loading.map((transaction) => transaction.load(this.services.store)));
  }

  decide(jobs: readonly Job[]): Job[] {
    for (let i = 0; i < jobs.length; i++) {
      if (!this.#hasSpaceFor(jobs[i]!)) return jobs.slice(i);
      this.#decided.push(this.#decide(jobs[i]!));
    }
    return [];
  }

  get empty(): boolean {
    return this.#cost.mutations === 0;
  }

  fill(atomic: Deno.AtomicOperation): void {
    for (const transaction of this.#transactions.values()) transaction.fill(atomic);
  }

  /**
   * Resolves when the batch's rooms are where its events follow; nearly always they are. What has
   * been delivered from a batch before counts, so this is no use while that is still due.
   */
  catchUp(): Promise<unknown> | undefined {
    const { follower, memory } = this.services;
    const work: Promise<void>[] = [];
    for (const { room, exists, storedHead } of this.#transactions.values()) {
      if (!exists || room.epoch === storedHead.epoch && room.cursor >= storedHead.offset) continue;
      if (room.epoch === storedHead.epoch) memory.rival(room);
      work.push(follower.follow(room, storedHead));
    }
    return work.length > 0 ? Promise.all(work) : undefined;
  }

  committed(versionstamp: string): void {
    const peers = this.services.options.peers();
    const notes: RoomNote[] = [];
    for (const transaction of this.#transactions.values()) {
      transaction.committed(versionstamp);
      if (!transaction.others.some((peer) => peers!.reaches(peer))) continue;
      const { note } = transaction;
      if (note) notes.push(note);
    }
    if (notes.length > 0) peers!.tell(versionstamp, notes);
  }

  deliver(told: boolean): void {
    for (const { job, outcome, effects = [] } of this.#decided) {
      try {
        for (const { entry, send, seat } of effects) {
          if (entry) job.room.deliver(entry);
          if (send) job.room.targets.send(send.target, send.frame);
          if (seat) job.room.profileChanged(seat);
        }
        if (!told) job.settled(outcome);
      } catch (error) {
        // What fails for one must not keep from the others what has been committed for them.
        toProtocolError(error);
      }
    }
    for (const transaction of this.#transactions.values()) {
      transaction.touch();
      this.#tidy(transaction);
    }
  }

  reject(error: ProtocolError): void {
    for (const { job } of this.#decided) job.settled({ error });
  }

  forget(): void {
    for (const room of this.#transactions.keys()) this.services.memory.forget(room);
  }

  get jobs(): Job[] {
    return this.#decided.map(({ job }) => job);
  }

  /** Deletes what has become useless. Whatever fails here is met again by a later commit. */
  #tidy(transaction: RoomTransaction): void {
    const { store, log } = this.services;
    const { room, appended, storedHead } = transaction;
    const head = storedHead.offset + appended;
    if (appended > 0 && log.trimDue(head, appended)) log.trim(room.name, head).catch(() => {});
    if (transaction.needsSweep) transaction.sweep(store).catch(() => {});
  }

  #decide(job: Job): Decided {
    const transaction = this.#transaction(job.room);
    const { session, key } = job;
    const once = key === undefined ? undefined : keys.once(job.room.name, session, key);
    const earlier = once && transaction.once.get(once);
    if (earlier !== undefined) return { job, outcome: { ack: earlier, repeated: true } };
    let changes: Change[];
    let mails: Mail[];
    try {
      changes = [job.handle(transaction)].flat();
      mails = changes.flatMap(({ send }) => {
        return send ? transaction.mailsTo(send.target, send.frame) : [];
      });
      const length = mails.reduce((sum, { text }) => sum + text.length, 0);
      if (mails.length > MAX_MAILS || length > MAX_MAILS_LENGTH) throw tooManyMails();
      if (!changes.some(({ leave }) => leave)) transaction.enter();
    } catch (error) {
      return { job, outcome: { error: toProtocolError(error) } };
    }
    const effects = changes.map((change): Effect => {
      return { entry: transaction.stage(change), send: change.send, seat: change.profile?.seat };
    });
    transaction.post([...mails, ...job.mails?.() ?? []]);
    const ack = ackOf(changes, effects);
    if (once) transaction.once.write(once, ack);
    return { job, outcome: { ack, repeated: false }, effects };
  }

  #hasSpaceFor(job: Job): boolean {
    if (this.#decided.length === 0) return true;
    const { room, size, key, mutations = JOB_MUTATIONS, mails } = job;
    const transaction = this.#transaction(room);
    const needs = job.needs();
    const peers = transaction.others.length;
    const relays = mails && peers > 0;
    const sends = needs.some(({ kind }) => kind === "target") && !transaction.alone;
    const mailed = (relays ? 1 : 0) + (sends ? 1 : 0);
    return this.#cost.leaves(this.services.store.maxChecks, {
      checks: transaction.dueChecks + checksOf(needs) + (key === undefined ? 0 : 1),
      mutations: mutations + peers * JOB_MUTATIONS_PER_PEER + (sends ? 3 * MAX_MAILS : 0),
      bytes: size * BYTES_PER_CHARACTER + JOB_BYTES + mailed * 2 * MAX_MAILS_LENGTH,
    });
  }

  #transaction(room: Room): RoomTransaction {
    let transaction = this.#transactions.get(room);
    if (!transaction) {
      const { memory, options } = this.services;
      transaction = new RoomTransaction(room, memory.of(room), options, this.#cost);
      this.#transactions.set(room, transaction);
    }
    return transaction;
  }
}

function tooManyMails(): ProtocolError {
  return new ProtocolError(
    "limit_exceeded",
    "The targets are on too many isolates for so much: send less, or to fewer at once.",
  );
}

/** The ack's data: what the first change replies, and where its event stands in the log. */
function ackOf(changes: readonly Change[], effects: readonly Effect[]): string {
  const { reply, result } = changes[0] ?? {};
  if (result !== undefined) return JSON.stringify(result);
  const entry = effects[0]?.entry;
  return JSON.stringify(entry ? { ...reply, offset: String(entry.offset) } : reply ?? null);
}
