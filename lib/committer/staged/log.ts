import { type Head, keys } from "../../store/keys.ts";
import type { LogEntry } from "../../protocol/log_entry.ts";
import type { LogFields } from "../../store/log.ts";
import { pieceCount, setText } from "../../store/text.ts";
import type { LogEvent } from "../change.ts";
import type { Cost } from "./cost.ts";
import type { Reads } from "./reads.ts";

/** A log's head as read or last written, and the version at which that was. */
export interface KnownHead extends Head {
  /** `null`: the room is not in the store yet. */
  readonly version: string | null;
}

/**
 * Events staged for a room's log. The commit checks that the head is as known, so offsets are
 * contiguous and the order is total, whoever else appends.
 */
export class StagedLog {
  readonly entries: LogEntry[] = [];
  #known: KnownHead | undefined;
  #writes = false;
  #guarded = false;

  constructor(readonly room: string, known: KnownHead | undefined, readonly cost: Cost) {
    this.#known = known;
  }

  plan(reads: Reads, newEpoch: () => string): void {
    if (!this.#known) this.look(reads, newEpoch);
  }

  /** Plans to read the head, known or not. */
  look(reads: Reads, newEpoch: () => string): void {
    reads.want(keys.head(this.room), ({ value, versionstamp }) => {
      const head = (value as Head | null) ?? { epoch: newEpoch(), offset: 0 };
      this.#known = { ...head, version: versionstamp };
    });
  }

  /** The head that the staged events follow. Known once the batch is loaded. */
  get known(): KnownHead {
    return this.#known!;
  }

  /** The head with the staged events. */
  get head(): Head {
    return { epoch: this.known.epoch, offset: this.known.offset + this.entries.length };
  }

  /** Stages the log's beginning, where the room is new. */
  create(): void {
    if (this.known.version === null) this.#write();
  }

  /** Whether the commit checks the head. */
  get checked(): boolean {
    return this.#writes || this.#guarded;
  }

  /** Makes the commit check the head, though it may append nothing. */
  guard(): void {
    if (this.checked) return;
    this.#guarded = true;
    this.cost.spend(1, 0, 0);
  }

  append({ topic, message }: LogEvent): LogEntry {
    const offset = this.head.offset + 1;
    // Joined, which makes one flat text: as a concatenation it would cost each send anew.
    const frame = [message.slice(0, -1), ',"offset":"', offset, '"}'].join("");
    this.#write();
    this.cost.spend(0, pieceCount(frame), frame.length + topic.length);
    const entry = { offset, topic, frame };
    this.entries.push(entry);
    return entry;
  }

  fill(atomic: Deno.AtomicOperation, at: number, expireIn: number): void {
    if (!this.checked) return;
    const key = keys.head(this.room);
    atomic.check({ key, versionstamp: this.known.version });
    if (!this.#writes) return;
    atomic.set(key, this.head);
    for (const { offset, topic, frame } of this.entries) {
      const fields: LogFields = { topic, at };
      setText(atomic, keys.logEntry(this.room, offset), { fields, text: frame }, { expireIn });
    }
  }

  /** The head as it is known after the commit. */
  committed(versionstamp: string): KnownHead {
    return { ...this.head, version: this.#writes ? versionstamp : this.known.version };
  }

  #write(): void {
    if (this.#writes) return;
    this.#writes = true;
    this.cost.spend(1, 1, 0);
  }
}
