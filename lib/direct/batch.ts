import type { Mail } from "../committer/change.ts";
import type { LaneBatch } from "../committer/lane.ts";
import type { Peers } from "../committer/peers.ts";
import { Cost } from "../committer/staged/cost.ts";
import { ring, StagedMails } from "../committer/staged/mails.ts";
import { StagedOnce } from "../committer/staged/once.ts";
import { Reads } from "../committer/staged/reads.ts";
import { LocatedTargets } from "../committer/staged/targets.ts";
import { type ProtocolError, toProtocolError } from "../errors.ts";
import type { Targets } from "../hub/targets.ts";
import type { DirectKeys } from "../store/direct_keys.ts";
import type { Store } from "../store/store.ts";
import { type Announcement, announcements } from "./announcement.ts";
import type { DirectJob, Outcome } from "./job.ts";
import { type KnownThread, StagedThread, type Step } from "./staged_thread.ts";

/** What one action costs at the most beside its size: head, message, key, two inboxes. */
const JOB_MUTATIONS = 5;
/** How long a message is beside its text, and at the most with it. */
const CHARACTERS = 1000;
const MAX_CHARACTERS = 30_000;

/** What the batches of a lane share. */
export interface DirectServices {
  readonly store: Store;
  readonly keys: DirectKeys;
  readonly targets: Targets;
  readonly peers: () => Peers | undefined;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** How many may write on one topic. */
  readonly maxMembers: number;
  /** Thread → what is known of it, between commits. A wrong memory makes a commit fail. */
  readonly memory: Map<string, KnownThread>;
}

interface Decided {
  readonly job: DirectJob;
  readonly outcome: Outcome;
  readonly announced: readonly Announcement[];
}

/** How many threads are remembered between commits. */
const MAX_REMEMBERED = 10_000;

/** Actions in threads that are committed together, with what tells connected users of them. */
export class DirectBatch implements LaneBatch<DirectJob> {
  readonly #threads = new Map<string, StagedThread>();
  readonly #decided: Decided[] = [];
  readonly #cost = new Cost();
  /** What is read first, and what after it. */
  readonly #reads = new Reads();
  readonly #messages = new Reads();
  readonly #users = new Set<string>();
  readonly #once: StagedOnce;
  readonly #located: LocatedTargets;
  readonly #mails: StagedMails | undefined;
  readonly #now: number;
  readonly #deletesIn = new Set<StagedThread>();

  constructor(readonly services: DirectServices) {
    const { targets, now } = services;
    const peers = services.peers();
    this.#now = now();
    this.#once = new StagedOnce(this.#cost, this.#now);
    this.#located = new LocatedTargets(targets, peers?.self);
    this.#mails = peers && new StagedMails(peers, this.#cost);
  }

  plan(jobs: readonly DirectJob[], again: boolean): void {
    for (const { thread, user, action, key } of jobs) {
      const staged = this.#thread(thread);
      staged.plan(this.#reads);
      this.#users.add(user);
      if (action.kind !== "send") staged.planMessage(this.#messages, action.id);
      if (action.kind === "delete") this.#deletesIn.add(staged);
      if (again && key !== undefined) {
        this.#once.plan(this.#reads, this.services.keys.once(user, thread, key));
      }
    }
  }

  load(): Promise<unknown> | undefined {
    const peers = this.services.peers();
    const introduced = peers?.introduced();
    const nothing = this.#reads.size === 0 && this.#messages.size === 0;
    if (nothing && !introduced && (!peers || peers.alone)) return undefined;
    return this.#load(peers, introduced);
  }

  async #load(peers: Peers | undefined, introduced: Promise<void> | undefined): Promise<void> {
    const { store } = this.services;
    await Promise.all([introduced, this.#reads.run(store)]);
    await Promise.all([
      this.#messages.run(store),
      ...[...this.#deletesIn].map((staged) => staged.loadNext(store)),
      peers && !peers.alone ? this.#locate() : undefined,
    ]);
  }

  /** Finds out where those are whom anything here is announced to. */
  async #locate(): Promise<void> {
    for (const { thread, members } of this.#threads.values()) {
      for (const user of members) this.#users.add(user);
      if (thread.kind === "dm") thread.ids.forEach((user) => this.#users.add(user));
    }
    this.#located.plan({ kind: "user", ids: [...this.#users] });
    await this.#located.load(this.services.store);
  }

  decide(jobs: readonly DirectJob[]): DirectJob[] {
    for (let i = 0; i < jobs.length; i++) {
      const job = jobs[i]!;
      if (!this.#hasSpaceFor(job)) return jobs.slice(i);
      this.#decided.push(this.#decide(job));
    }
    return [];
  }

  get empty(): boolean {
    return this.#cost.mutations === 0;
  }

  fill(atomic: Deno.AtomicOperation): void {
    for (const staged of this.#threads.values()) staged.fill(atomic);
    this.#once.fill(atomic);
    const rung = this.#mails?.fill(atomic, "", this.#now);
    if (rung) ring(atomic, rung, this.#now);
  }

  catchUp(): undefined {}

  committed(versionstamp: string): void {
    const { memory } = this.services;
    if (memory.size > MAX_REMEMBERED) memory.clear();
    for (const [name, staged] of this.#threads) memory.set(name, staged.committed(versionstamp));
  }

  deliver(told: boolean): void {
    const { targets } = this.services;
    for (const { job, outcome, announced } of this.#decided) {
      try {
        for (const { target, frame } of announced) targets.send(target, frame);
        if (!told) job.settled(outcome);
      } catch (error) {
        // What fails for one must not keep the others from being told.
        toProtocolError(error);
      }
    }
  }

  reject(error: ProtocolError): void {
    for (const { job } of this.#decided) job.settled({ error });
  }

  forget(): void {
    for (const name of this.#threads.keys()) this.services.memory.delete(name);
  }

  get jobs(): DirectJob[] {
    return this.#decided.map(({ job }) => job);
  }

  #decide(job: DirectJob): Decided {
    const { thread, user, action, key } = job;
    const once = key === undefined ? undefined : this.services.keys.once(user, thread, key);
    const earlier = once && this.#once.get(once);
    if (earlier !== undefined) {
      return { job, outcome: { repeated: JSON.parse(earlier) }, announced: [] };
    }
    try {
      const { message, members, stage } = this.#step(job);
      const { domain } = this.services.keys;
      const announced = announcements(domain, thread, members, action.kind, message);
      const mails = announced.flatMap((one) => this.#mailsOf(one));
      stage();
      this.#mails?.post(mails);
      // Its id alone: a whole message as text may be more than a value takes.
      if (once) this.#once.write(once, JSON.stringify(message.id));
      return { job, outcome: { message }, announced };
    } catch (error) {
      return { job, outcome: { error: toProtocolError(error) }, announced: [] };
    }
  }

  #step({ thread, user, action }: DirectJob): Step {
    const staged = this.#thread(thread);
    switch (action.kind) {
      case "send":
        return staged.send(user, action.content, this.#now);
      case "edit":
        return staged.edit(user, action.id, action.edit);
      case "delete":
        return staged.delete(user, action.id);
    }
  }

  #mailsOf({ target, frame }: Announcement): Mail[] {
    return this.#located.peers(target) > 0 ? this.#located.mails(target, frame()) : [];
  }

  #hasSpaceFor({ thread, action, size, key }: DirectJob): boolean {
    const staged = this.#thread(thread);
    const deletes = action.kind === "delete";
    // What is the latest message after a deletion is only known for the thread as it was read.
    if (staged.deletes || deletes && staged.touched) return false;
    if (this.#decided.length === 0) return true;
    const mails = this.#mailsTo(staged);
    const mutations = JOB_MUTATIONS + 2 * mails;
    // Of what is edited all is told again.
    const length = CHARACTERS + (action.kind === "edit" ? MAX_CHARACTERS : size);
    return this.#cost.leaves(this.services.store.maxChecks, {
      checks: (staged.touched ? 0 : 1) + (key === undefined ? 0 : 1),
      mutations,
      bytes: mutations * 200 + 2 * length * (1 + mails),
    });
  }

  /** How many mails may tell of an action in a thread. */
  #mailsTo({ thread, members }: StagedThread): number {
    const ids = thread.kind === "dm" ? thread.ids : members;
    return this.#located.peers({ kind: "user", ids }) * Math.min(2, ids.length);
  }

  #thread(thread: DirectJob["thread"]): StagedThread {
    const name = JSON.stringify([thread.kind, ...thread.ids]);
    let staged = this.#threads.get(name);
    if (!staged) {
      const { memory, keys, maxMembers } = this.services;
      staged = new StagedThread(thread, memory.get(name), keys, this.#cost, maxMembers);
      this.#threads.set(name, staged);
    }
    return staged;
  }
}
