import { ProtocolError } from "../errors.ts";
import type { Room } from "../hub/room.ts";
import type { Log } from "../store/log.ts";
import type { Store } from "../store/store.ts";
import { pause } from "../pause.ts";
import { Batch } from "./batch.ts";
import type { Follower } from "./follower.ts";
import { Fence, type UnsettledCommit } from "./fence.ts";
import type { Job } from "./job.ts";
import type { RoomCache, RoomTransaction, TransactionOptions } from "./room_transaction.ts";
import type { KnownHead } from "./staged/log.ts";
import type { KnownRoster } from "./staged/roster.ts";

/** How many jobs are decided at a time. */
const MAX_JOBS = 500;
/** How long after others have written to a room they are given way to, in milliseconds. */
const RIVALRY_MS = 1000;
/** The longest that others are given way to, in milliseconds. */
const MAX_WAY_MS = 200;
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
  /** When another isolate has last been seen to write to a room. */
  readonly #rivals = new WeakMap<Room, number>();
  /** How long the last commit took. */
  #commitMs = 0;

  constructor(
    name: string,
    readonly store: Store,
    readonly log: Log,
    readonly follower: Follower,
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
    if (head) this.#rivals.set(room, this.options.now());
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
      if (!this.#isRivalled()) continue;
      delivery?.();
      delivery = undefined;
      await this.#giveWay();
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
          // While the commit is in flight: the sooner it is there, the rarer somebody is faster.
          this.#catchUp(batch);
        }
      } catch {
        this.#reject(jobs, notApplied());
        return NOTHING;
      }
      this.#queue.unshift(...batch.decide(jobs));
      if (batch.empty) {
        await this.#catchUp(batch);
        return this.#deliveryOf(batch);
      }
      try {
        const startedAt = performance.now();
        const outcome = await this.#fence.commit((atomic) => batch.fill(atomic));
        this.#commitMs = performance.now() - startedAt;
        if (outcome.applied) {
          await this.#catchUp(batch);
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

  /**
   * Resolves when the batch's rooms are where its events follow; nearly always they are. What has
   * been delivered from a batch before counts, so this is no use while that is still due.
   */
  #catchUp(batch: Batch): Promise<unknown> | undefined {
    const work: Promise<void>[] = [];
    for (const { room, exists, storedHead } of batch.transactions()) {
      if (!exists || room.epoch === storedHead.epoch && room.cursor >= storedHead.offset) continue;
      if (room.epoch === storedHead.epoch) this.#rivals.set(room, this.options.now());
      work.push(this.follower.follow(room, storedHead));
    }
    return work.length > 0 ? Promise.all(work) : undefined;
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
      await this.#catchUp(batch);
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

  /** Whether others have just written to a room that more is to be written to. */
  #isRivalled(): boolean {
    const since = this.options.now() - RIVALRY_MS;
    return this.#queue.some(({ room }) => (this.#rivals.get(room) ?? 0) > since);
  }

  /**
   * Leaves others the time to read the head and to commit: whoever has won knows it, and would win
   * again and again. What gathers meanwhile goes into the next commit.
   */
  async #giveWay(): Promise<void> {
    const ms = Math.min(MAX_WAY_MS, 2 * this.#commitMs) * (0.5 + this.options.random());
    await pause(ms);
  }

  #pause(attempt: number): Promise<void> {
    const ms = this.options.random() * Math.min(MAX_PAUSE_MS, attempt);
    return ms < 1 ? Promise.resolve() : pause(ms);
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
