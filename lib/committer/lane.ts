import { ProtocolError, toProtocolError } from "../errors.ts";
import type { Store } from "../store/store.ts";
import { pause } from "../pause.ts";
import { Fence, type UnsettledCommit } from "./fence.ts";

/** How many jobs are decided at a time. */
const MAX_JOBS = 500;
/** The longest that others are given way to, in milliseconds. */
const MAX_WAY_MS = 200;
/** The longest pause before another try after conflicts, in milliseconds. */
const MAX_PAUSE_MS = 20;

/** Something to be committed together with others. */
export interface LaneJob {
  /** Called once, when nothing came of it; what came of it otherwise, its batch tells. */
  settled(outcome: { readonly error: ProtocolError }): void;
}

/** Jobs that are committed together: all of them, or none. */
export interface LaneBatch<Job> {
  /** The jobs that have decided. */
  readonly jobs: Job[];
  /** Whether there is anything to commit. */
  readonly empty: boolean;
  /** Makes known what `jobs` must see; with `again`, after a conflict. */
  plan(jobs: readonly Job[], again: boolean): void;
  /** Reads what was planned; `undefined` when nothing has to be waited for. */
  load(): Promise<unknown> | undefined;
  /** Lets jobs decide in order, as many as fit into a commit; returns those that did not. */
  decide(jobs: readonly Job[]): Job[];
  /** Puts it into a commit; may be called again. */
  fill(atomic: Deno.AtomicOperation): void;
  /** Brings what the batch's effects follow upon; absent: it is there. Rejects never. */
  catchUp(): Promise<unknown> | undefined;
  /** Takes the committed state over. Nothing has been sent yet; {@linkcode LaneBatch.deliver} does. */
  committed(versionstamp: string): void;
  /**
   * Sends what the commit brought about and tells every job what came of it, in order.
   *
   * @param told whether the jobs have been told already, namely that it is unknown.
   */
  deliver(told: boolean): void;
  /** Tells every job that nothing came of it. */
  reject(error: ProtocolError): void;
  /** Gives up what was taken to be known, after a conflict. */
  forget(): void;
}

/** How the jobs of a lane become commits. */
export interface LaneWork<Job> {
  batch(): LaneBatch<Job>;
  /** Called for each job when it needs nothing more: once its outcome has been told and delivered. */
  done(job: Job): void;
  /** Whether others have just written to what `jobs` are to write to. */
  isRivalled(jobs: readonly Job[]): boolean;
}

export interface LaneOptions {
  readonly now: () => number;
  readonly random: () => number;
  /** How long conflicts may keep a job from being committed, in milliseconds. */
  readonly timeoutMs: number;
}

type Delivery = () => void;
const NOTHING: Delivery = () => {};

/**
 * Commits jobs in order, one commit at a time. Jobs gather while a commit is in flight and go out
 * together in the next, without a timer; what a commit brought about is sent while the next one is
 * in flight.
 */
export class Lane<Job extends LaneJob> {
  readonly #fence: Fence;
  #queue: Job[] = [];
  #idle: PromiseWithResolvers<void> | undefined;
  #unsettled = false;
  /** How long the last commit took. */
  #commitMs = 0;

  /** @param name unique to one lane of one life of one isolate. */
  constructor(
    name: string,
    readonly store: Store,
    readonly work: LaneWork<Job>,
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
      if (!this.work.isRivalled(this.#queue)) continue;
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
      const batch = this.work.batch();
      try {
        batch.plan(jobs, attempt > 0);
        const loading = batch.load();
        if (loading) {
          await loading;
          // While the commit is in flight: the sooner it is there, the rarer somebody is faster.
          batch.catchUp();
        }
      } catch {
        this.#reject(jobs, notApplied());
        return NOTHING;
      }
      try {
        this.#queue.unshift(...batch.decide(jobs));
      } catch (error) {
        // Nobody foresaw it. Those who have nothing to do with it can come again.
        this.#reject(jobs, toProtocolError(error));
        return NOTHING;
      }
      if (batch.empty) {
        await batch.catchUp();
        return this.#deliveryOf(batch);
      }
      try {
        const startedAt = performance.now();
        const outcome = await this.#fence.commit((atomic) => batch.fill(atomic));
        this.#commitMs = performance.now() - startedAt;
        if (outcome.applied) {
          await batch.catchUp();
          batch.committed(outcome.versionstamp);
          return this.#deliveryOf(batch);
        }
      } catch (error) {
        return await this.#settle(batch, error as UnsettledCommit);
      }
      batch.forget();
      jobs = batch.jobs;
      if (this.options.now() > giveUpAt) {
        this.#reject(jobs, contended());
        return NOTHING;
      }
      jobs.push(...this.#take(MAX_JOBS - jobs.length));
      await this.#pause(attempt);
    }
  }

  #deliveryOf(batch: LaneBatch<Job>, told = false): Delivery {
    return () => {
      batch.deliver(told);
      for (const job of batch.jobs) this.work.done(job);
    };
  }

  /** Answers the jobs of a commit that has not been answered itself, then finds out about it. */
  async #settle(batch: LaneBatch<Job>, commit: UnsettledCommit): Promise<Delivery> {
    this.#unsettled = true;
    batch.reject(outcomeUnknown());
    const waiting = this.#queue;
    this.#queue = [];
    this.#reject(waiting, notApplied());
    const outcome = await this.#fence.settle(commit);
    this.#unsettled = false;
    if (outcome.applied) {
      await batch.catchUp();
      batch.committed(outcome.versionstamp);
      return this.#deliveryOf(batch, true);
    }
    batch.forget();
    for (const job of batch.jobs) this.work.done(job);
    return NOTHING;
  }

  #reject(jobs: readonly Job[], error: ProtocolError): void {
    for (const job of jobs) {
      job.settled({ error });
      this.work.done(job);
    }
  }

  #take(count: number): Job[] {
    return this.#queue.splice(0, count);
  }

  /**
   * Leaves others the time to read what they need and to commit: whoever has won knows it, and would
   * win again and again. What gathers meanwhile goes into the next commit.
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
    "Too many others are writing to the same place: nothing was applied.",
  );
}
