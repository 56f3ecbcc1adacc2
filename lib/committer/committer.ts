import type { Hub } from "../hub/hub.ts";
import type { Room } from "../hub/room.ts";
import type { Target } from "../protocol/target.ts";
import type { Log } from "../store/log.ts";
import type { Store } from "../store/store.ts";
import type { Change, Mail } from "./change.ts";
import { hash } from "../hash.ts";
import { Batch, type BatchServices } from "./batch.ts";
import type { Follower } from "./follower.ts";
import type { Job, JobOutcome } from "./job.ts";
import { Lane, type LaneOptions } from "./lane.ts";
import { RoomMemory } from "./room_memory.ts";
import type { TransactionOptions } from "./room_transaction.ts";
import type { KnownHead } from "./staged/log.ts";
import type { KnownRoster } from "./staged/roster.ts";

export interface CommitterOptions extends LaneOptions, TransactionOptions {
  /** Names this life of this isolate. */
  readonly instance: string;
  /** How many commits may be in flight. */
  readonly lanes: number;
}

interface RoomLane {
  readonly lane: Lane<Job>;
  readonly memory: RoomMemory;
}

/** Takes jobs to the store. A room's jobs all go through one lane, so they keep their order. */
export class Committer {
  readonly #lanes: RoomLane[];

  constructor(
    readonly hub: Hub,
    store: Store,
    log: Log,
    follower: Follower,
    options: CommitterOptions,
  ) {
    this.#lanes = Array.from({ length: options.lanes }, (_, i) => {
      const memory = new RoomMemory(options.now);
      const services: BatchServices = { store, log, follower, memory, options };
      const work = {
        batch: () => new Batch(services),
        done: ({ room }: Job) => hub.release(room),
        isRivalled: (jobs: readonly Job[]) => jobs.some(({ room }) => memory.isRivalled(room)),
      };
      return { memory, lane: new Lane(`${options.instance}/${i}`, store, work, options) };
    });
  }

  submit(job: Job): void {
    job.room.holders++;
    this.#laneOf(job.room).lane.submit(job);
  }

  /**
   * Submits a job, and tells what came of it.
   *
   * @throws {ProtocolError} if nothing did.
   */
  async ask(job: Omit<Job, "settled">): Promise<{ ack: string; repeated: boolean }> {
    const { promise, resolve } = Promise.withResolvers<JobOutcome>();
    this.submit({ ...job, settled: resolve });
    const outcome = await promise;
    if (outcome.error) throw outcome.error;
    return outcome;
  }

  /**
   * Makes a change that no connection has asked for; rejects if it could not be made.
   *
   * @param size and `mutations`: as a job's.
   */
  async change(
    room: Room,
    handle: () => Change,
    { size = 0, mutations }: { size?: number; mutations?: number } = {},
  ): Promise<void> {
    await this.ask({ room, session: "", size, mutations, needs: () => [], handle });
  }

  /** Sends a frame to connections on whichever isolates; nobody is told if that fails. */
  send(room: Room, target: Target, frame: string): void {
    this.submit({
      room,
      session: "",
      size: frame.length,
      needs: () => [{ kind: "target", target }],
      handle: () => ({ send: { target, frame } }),
      settled: () => {},
    });
  }

  /** Sends mails for a room, in a commit for each; nobody is told if that fails. */
  post(room: Room, mails: readonly Mail[]): void {
    for (const mail of mails) {
      this.submit({
        room,
        session: "",
        size: mail.text.length,
        needs: () => [],
        handle: () => ({}),
        mails: () => [mail],
        settled: () => {},
      });
    }
  }

  /** Takes over what others have told of a room, which spares the next commit a conflict. */
  learn(room: Room, head?: KnownHead, roster?: KnownRoster): void {
    this.#laneOf(room).memory.learn(room, head, roster);
  }

  /** Resolves when every job so far has been settled. */
  async flushed(): Promise<void> {
    await Promise.all(this.#lanes.map(({ lane }) => lane.flushed()));
  }

  #laneOf({ name }: Room): RoomLane {
    return this.#lanes[hash(name) % this.#lanes.length]!;
  }
}
