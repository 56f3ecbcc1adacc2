import type { Hub } from "../hub/hub.ts";
import type { Log } from "../store/log.ts";
import type { Store } from "../store/store.ts";
import type { Job } from "./job.ts";
import { Lane, type LaneOptions } from "./lane.ts";

export interface CommitterOptions extends Omit<LaneOptions, "onSettled"> {
  /** Names this life of this isolate. */
  readonly instance: string;
  /** How many commits may be in flight. */
  readonly lanes: number;
}

/** Takes jobs to the store. A room's jobs all go through one lane, so they keep their order. */
export class Committer {
  readonly #lanes: Lane[];

  constructor(readonly hub: Hub, store: Store, log: Log, options: CommitterOptions) {
    const laneOptions = { ...options, onSettled: hub.release.bind(hub) };
    this.#lanes = Array.from(
      { length: options.lanes },
      (_, i) => new Lane(`${options.instance}/${i}`, store, log, laneOptions),
    );
  }

  submit(job: Job): void {
    job.room.holders++;
    this.#lanes[hash(job.room.name) % this.#lanes.length]!.submit(job);
  }

  /** Resolves when every job so far has been settled. */
  async flushed(): Promise<void> {
    await Promise.all(this.#lanes.map((lane) => lane.flushed()));
  }
}

/** FNV-1a over UTF-16 units: spreads rooms over lanes. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) {
    value = Math.imul(value ^ text.charCodeAt(i), 0x01000193);
  }
  return value >>> 0;
}
