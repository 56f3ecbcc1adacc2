import type { LogEntry } from "../protocol/log_entry.ts";
import type { Mark } from "../store/keys.ts";

/** What a commit has done to a room, for isolates that can be told without the store. */
export interface RoomNote {
  readonly room: string;
  readonly epoch: string;
  /** The newest offset after the commit. */
  readonly offset: number;
  readonly entries: readonly LogEntry[];
  readonly marks: readonly Mark[];
  readonly roster: readonly string[];
}

/** The other isolates on the same store, as the committer deals with them. */
export interface Peers {
  /** This isolate's name among them. */
  readonly self: string;
  /** The names it has had, and was found dead under. */
  readonly former: ReadonlySet<string>;
  /** Whether there is no other isolate, as far as is known. */
  readonly alone: boolean;
  /** Resolves when this isolate can be found by the others, which it must before it joins a room. */
  ready(): Promise<void>;
  /** Resolves when it is known whether there are others; `undefined` once it is. */
  introduced(): Promise<void> | undefined;
  /** Those of `names` that show no sign of life. */
  absent(names: readonly string[]): Promise<Set<string>>;
  /** Whether a peer hears {@linkcode Peers.tell}, and so need not be rung for. */
  reaches(name: string): boolean;
  /** Tells the peers that can be reached of a commit. They may miss it. */
  tell(versionstamp: string, notes: readonly RoomNote[]): void;
  /** A number for a mail, greater than all before. */
  nextMail(): number;
}
