import { type ProtocolError, toProtocolError } from "../errors.ts";
import type { Room } from "../hub/room.ts";
import type { Seat } from "../hub/seat.ts";
import type { LogEntry } from "../protocol/log_entry.ts";
import type { Store } from "../store/store.ts";
import { type Change, type Mail, MAX_MAILS_LENGTH } from "./change.ts";
import type { Job, JobOutcome } from "./job.ts";
import type { RoomNote } from "./peers.ts";
import { type RoomCache, RoomTransaction, type TransactionOptions } from "./room_transaction.ts";
import { Cost } from "./staged/cost.ts";

/** What the store takes in one commit: 800 KiB and 1,000 mutations, less a margin. */
const MAX_BYTES = 780_000;
const MAX_MUTATIONS = 950;
/** The most that one job costs beside its size: a vote's mutations. */
const JOB_MUTATIONS = 20;
/** The most that it costs for each other isolate in the room: marks, the bell, a mail. */
const JOB_MUTATIONS_PER_PEER = 6;
/** The fence's share of a commit: a check and a mutation. */
const FENCE = 1;
/** Bytes of a commit for each character of a message: in state and in the log, two bytes each. */
const BYTES_PER_CHARACTER = 4;
/** What its author adds to an event: properties at their largest. */
const JOB_BYTES = 2 * 32_768;

interface Decided {
  readonly job: Job;
  readonly outcome: JobOutcome;
  readonly entry?: LogEntry;
  readonly send?: Change["send"];
  /** Whose profile the job has changed. */
  readonly seat?: Seat;
}

/** Jobs that are committed together: all of them, or none. */
export class Batch {
  readonly #transactions = new Map<Room, RoomTransaction>();
  readonly #decided: Decided[] = [];
  readonly #cost = new Cost();

  constructor(
    readonly store: Store,
    readonly options: TransactionOptions,
    readonly cacheOf: (room: Room) => RoomCache,
  ) {}

  /** Makes known what `jobs` must see; with `again`, also whether their keys have been used. */
  plan(jobs: readonly Job[], again: boolean): void {
    for (const job of jobs) {
      const transaction = this.#transaction(job.room);
      for (const need of job.needs()) transaction.need(need);
      if (again && job.key !== undefined) transaction.needOnce(job.session, job.key);
    }
  }

  /** Reads what was planned; `undefined` when nothing has to be waited for. */
  load(): Promise<unknown> | undefined {
    const loading = [...this.transactions()].filter((transaction) => transaction.needsLoading);
    if (loading.length === 0) return undefined;
    return Promise.all(loading.map((transaction) => transaction.load(this.store)));
  }

  /** Lets jobs decide in order, as many as fit into a commit; returns those that did not. */
  decide(jobs: readonly Job[]): Job[] {
    for (let i = 0; i < jobs.length; i++) {
      if (!this.#hasSpaceFor(jobs[i]!)) return jobs.slice(i);
      this.#decided.push(this.#decide(jobs[i]!));
    }
    return [];
  }

  transactions(): IterableIterator<RoomTransaction> {
    return this.#transactions.values();
  }

  /** Whether there is anything to commit. */
  get empty(): boolean {
    return this.#cost.mutations === 0;
  }

  fill(atomic: Deno.AtomicOperation): void {
    for (const transaction of this.transactions()) transaction.fill(atomic);
  }

  /** Takes the committed state over. Nothing has been sent yet; {@linkcode Batch.deliver} does. */
  committed(versionstamp: string): void {
    const peers = this.options.peers();
    const notes: RoomNote[] = [];
    for (const transaction of this.transactions()) {
      transaction.committed(versionstamp);
      if (!transaction.others.some((peer) => peers!.reaches(peer))) continue;
      const { note } = transaction;
      if (note) notes.push(note);
    }
    if (notes.length > 0) peers!.tell(versionstamp, notes);
  }

  /**
   * Sends the committed events and tells every job what came of it, in order.
   *
   * @param told whether the jobs have been told already, namely that it is unknown.
   */
  deliver(told = false): void {
    for (const { job, outcome, entry, send, seat } of this.#decided) {
      try {
        if (entry) job.room.deliver(entry);
        if (send) job.room.targets.send(send.target, send.frame);
        if (seat) job.room.profileChanged(seat);
        if (!told) job.settled(outcome);
      } catch (error) {
        // What fails for one must not keep from the others what has been committed for them.
        toProtocolError(error);
      }
    }
    for (const transaction of this.transactions()) transaction.touch();
  }

  /** Tells every job that nothing came of it. */
  reject(error: ProtocolError): void {
    for (const { job } of this.#decided) job.settled({ error });
  }

  /** The jobs that have decided. */
  get jobs(): Job[] {
    return this.#decided.map(({ job }) => job);
  }

  #decide(job: Job): Decided {
    const transaction = this.#transaction(job.room);
    const { session, key } = job;
    const earlier = key === undefined ? undefined : transaction.once.get(session, key);
    if (earlier !== undefined) return { job, outcome: { ack: earlier, repeated: true } };
    let change: Change;
    let mails: readonly Mail[];
    try {
      change = job.handle(transaction);
      const { send } = change;
      mails = send ? transaction.mailsTo(send.target, send.frame) : [];
      if (!change.leave) transaction.enter();
    } catch (error) {
      return { job, outcome: { error: toProtocolError(error) } };
    }
    const entry = transaction.stage(change);
    transaction.post([...mails, ...job.mails?.() ?? []]);
    const reply = entry ? { ...change.reply, offset: String(entry.offset) } : change.reply ?? null;
    const ack = JSON.stringify(reply);
    if (key !== undefined) transaction.once.write(session, key, ack);
    const { send, profile } = change;
    return { job, outcome: { ack, repeated: false }, entry, send, seat: profile?.seat };
  }

  #hasSpaceFor(job: Job): boolean {
    if (this.#decided.length === 0) return true;
    const { room, size, key, mutations = JOB_MUTATIONS, mails } = job;
    const spent = this.#cost;
    const transaction = this.#transaction(room);
    const peers = transaction.others.length;
    const mailed = mails && peers > 0 ? 2 * MAX_MAILS_LENGTH : 0;
    const checks = transaction.dueChecks + job.needs().length + (key === undefined ? 0 : 1);
    return FENCE + spent.checks + checks <= this.store.maxChecks &&
      FENCE + spent.mutations + mutations + peers * JOB_MUTATIONS_PER_PEER <= MAX_MUTATIONS &&
      spent.bytes + size * BYTES_PER_CHARACTER + JOB_BYTES + mailed <= MAX_BYTES;
  }

  #transaction(room: Room): RoomTransaction {
    let transaction = this.#transactions.get(room);
    if (!transaction) {
      transaction = new RoomTransaction(room, this.cacheOf(room), this.options, this.#cost);
      this.#transactions.set(room, transaction);
    }
    return transaction;
  }
}
