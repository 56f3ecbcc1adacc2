import { ProtocolError } from "../errors.ts";
import type { Room } from "../hub/room.ts";
import type { Log } from "../store/log.ts";
import type { Store } from "../store/store.ts";
import { Batch } from "./batch.ts";
import { catchUp } from "./catch_up.ts";
import { Fence, type UnsettledCommit } from "./fence.ts";
import type { Job } from "./job.ts";
import type { RoomCache, RoomTransaction, TransactionOptions } from "./room_transaction.ts";
import type { KnownHead } from "./staged/log.ts";
import type { KnownRoster } from "./staged/roster.ts";

/** How many jobs are decided at a time. */
const MAX_JOBS = 500;
/** The longest pause before another try after conflicts, in milliseconds. */
const MAX_PAUSE_MS = 20;

export interface LaneOptions extends TransactionOptions {
  readonly random: () => number;
  /** How long conflicts may keep a job from being committed, in milliseconds. */
  readonly timeoutMs: number;
  /** Told when a job has been settled and its room need not be kept for it. */
  readonly onSettled: (room: Room) => void;
}

type Delivery = () => void;
const NOTHING: Delivery = () => {};

/**
 * Commits jobs in order, one commit at a time. Jobs gather while a commit is in flight and go out
 * together in the next, without a timer; what a commit brought about is sent while the next one is
 * in flight.
 */
export class Lane {
  readonly #fence: Fence;
  readonly #caches = new WeakMap<Room, RoomCache>();
  #queue: Job[] = [];
  #idle: PromiseWithResolvers<void> | undefined;
  #unsettled = false;

  constructor(
    name: string,
    readonly store: Store,
    readonly log: Log,
    readonly options: LaneOptions,
  ) {
    this.#fence = new Fence(store, name);
  }

  /** Takes a job, or settles it at once when the store is away. */
  submit(job: Job): void {
    if (this.store.away || this.#unsettled) return this.#reject([job], notApplied());
    this.#queue.push(job);
    if (this.#idle) return;
    this.#idle = Promise.withResolvers();
    this.#run();
  }

  /** Takes over what others have told of a room's log and roster, if it is news. */
  learn(room: Room, head?: KnownHead, roster?: KnownRoster): void {
    const cache = this.#caches.get(room);
    if (head && cache?.head?.epoch === head.epoch && cache.head.offset < head.offset) {
      cache.head = head;
    }
    if (roster && cache?.roster && (cache.roster.version ?? "") < (roster.version ?? "")) {
      cache.roster = roster;
    }
  }

  /** Resolves when every job so far has been settled. */
  flushed(): Promise<void> {
    return this.#idle?.promise ?? Promise.resolve();
  }

  async #run(): Promise<void> {
    let delivery: Delivery | undefined;
    while (this.#queue.length > 0 || delivery) {
      const next = this.#queue.length > 0 ? this.#process() : undefined;
      delivery?.();
      delivery = await next;
    }
    this.#idle?.resolve();
    this.#idle = undefined;
  }

  /** Commits the next batch and returns what is then to be sent. Never rejects. */
  async #process(): Promise<Delivery> {
    let jobs = this.#take(MAX_JOBS);
    const giveUpAt = this.options.now() + this.options.timeoutMs;
    for (let attempt = 0;; attempt++) {
      const batch = new Batch(this.store, this.options, (room) => this.#cacheOf(room));
      try {
        batch.plan(jobs, attempt > 0);
        const loading = batch.load();
        if (loading) {
          await loading;
          await this.#catchUp(batch);
        }
      } catch {
        this.#reject(jobs, notApplied());
        return NOTHING;
      }
      this.#queue.unshift(...batch.decide(jobs));
      if (batch.empty) return this.#deliveryOf(batch);
      try {
        const outcome = await this.#fence.commit((atomic) => batch.fill(atomic));
        if (outcome.applied) {
          batch.committed(outcome.versionstamp);
          return this.#deliveryOf(batch);
        }
      } catch (error) {
        return await this.#settle(batch, error as UnsettledCommit);
      }
      this.#forget(batch);
      jobs = batch.jobs;
      if (this.options.now() > giveUpAt) {
        this.#reject(jobs, contended());
        return NOTHING;
      }
      jobs.push(...this.#take(MAX_JOBS - jobs.length));
      await this.#pause(attempt);
    }
  }

  async #catchUp(batch: Batch): Promise<void> {
    await Promise.all([...batch.transactions()].map(async ({ room, exists, storedHead }) => {
      if (exists) await catchUp(room, storedHead, this.log);
    }));
  }

  #deliveryOf(batch: Batch, told = false): Delivery {
    return () => {
      batch.deliver(told);
      for (const { room } of batch.jobs) this.options.onSettled(room);
      for (const transaction of batch.transactions()) this.#tidy(transaction);
    };
  }

  /** Deletes what has become useless. Whatever fails here is met again by a later commit. */
  #tidy(transaction: RoomTransaction): void {
    const { room, appended, storedHead } = transaction;
    const head = storedHead.offset + appended;
    if (appended > 0 && this.log.trimDue(head, appended)) {
      this.log.trim(room.name, head).catch(() => {});
    }
    if (transaction.needsSweep) transaction.sweep(this.store).catch(() => {});
  }

  /** Answers the jobs of a commit that has not been answered itself, then finds out about it. */
  async #settle(batch: Batch, commit: UnsettledCommit): Promise<Delivery> {
    this.#unsettled = true;
    batch.reject(outcomeUnknown());
    const waiting = this.#queue;
    this.#queue = [];
    this.#reject(waiting, notApplied());
    const outcome = await this.#fence.settle(commit);
    this.#unsettled = false;
    if (outcome.applied) {
      batch.committed(outcome.versionstamp);
      return this.#deliveryOf(batch, true);
    }
    this.#forget(batch);
    for (const { room } of batch.jobs) this.options.onSettled(room);
    return NOTHING;
  }

  #reject(jobs: readonly Job[], error: ProtocolError): void {
    for (const job of jobs) {
      job.settled({ error });
      this.options.onSettled(job.room);
    }
  }

  #take(count: number): Job[] {
    return this.#queue.splice(0, count);
  }

  #cacheOf(room: Room): RoomCache {
    let cache = this.#caches.get(room);
    if (!cache) this.#caches.set(room, cache = { counters: new Map() });
    return cache;
  }

  #forget(batch: Batch): void {
    for (const { room } of batch.transactions()) this.#caches.delete(room);
  }

  #pause(attempt: number): Promise<void> {
    const ms = this.options.random() * Math.min(MAX_PAUSE_MS, attempt);
    return ms < 1 ? Promise.resolve() : new Promise((resolve) => setTimeout(resolve, ms));
  }
}

function notApplied(): ProtocolError {
  return new ProtocolError("unavailable", "The store does not answer: nothing was applied.");
}

function outcomeUnknown(): ProtocolError {
  return new ProtocolError(
    "unavailable",
    "The store did not answer in time: it is unknown whether this was applied. A message with a " +
      "key can be sent again without being applied twice.",
  );
}

function contended(): ProtocolError {
  return new ProtocolError(
    "unavailable",
    "Too many others are changing the room: nothing was applied.",
  );
}
