import type { Hub } from "../hub/hub.ts";
import type { Room } from "../hub/room.ts";
import type { Log } from "../store/log.ts";
import type { Store } from "../store/store.ts";
import type { Change, Mail } from "./change.ts";
import { hash } from "../hash.ts";
import type { Follower } from "./follower.ts";
import type { Job } from "./job.ts";
import { Lane, type LaneOptions } from "./lane.ts";
import type { KnownHead } from "./staged/log.ts";
import type { KnownRoster } from "./staged/roster.ts";

export interface CommitterOptions extends Omit<LaneOptions, "onSettled"> {
  /** Names this life of this isolate. */
  readonly instance: string;
  /** How many commits may be in flight. */
  readonly lanes: number;
}

/** Takes jobs to the store. A room's jobs all go through one lane, so they keep their order. */
export class Committer {
  readonly #lanes: Lane[];

  constructor(
    readonly hub: Hub,
    store: Store,
    log: Log,
    follower: Follower,
    options: CommitterOptions,
  ) {
    const laneOptions = { ...options, onSettled: hub.release.bind(hub) };
    this.#lanes = Array.from(
      { length: options.lanes },
      (_, i) => new Lane(`${options.instance}/${i}`, store, log, follower, laneOptions),
    );
  }

  submit(job: Job): void {
    job.room.holders++;
    this.#laneOf(job.room).submit(job);
  }

  /**
   * Makes a change that no connection has asked for; rejects if it could not be made.
   *
   * @param size and `mutations`: as a job's.
   */
  change(
    room: Room,
    handle: () => Change,
    { size = 0, mutations }: { size?: number; mutations?: number } = {},
  ): Promise<void> {
    return new Promise((resolve, reject) => {
      this.submit({
        room,
        session: "",
        size,
        mutations,
        needs: () => [],
        handle,
        settled: ({ error }) => error ? reject(error) : resolve(),
      });
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
    this.#laneOf(room).learn(room, head, roster);
  }

  /** Resolves when every job so far has been settled. */
  async flushed(): Promise<void> {
    await Promise.all(this.#lanes.map((lane) => lane.flushed()));
  }

  #laneOf({ name }: Room): Lane {
    return this.#lanes[hash(name) % this.#lanes.length]!;
  }
}
