/**
 * Where everything lies in the store. A room's keys share the prefix `["room", room]`.
 * Sums (`counter`, `tally`) hold a `Deno.KvU64` for ever: adding to anything else throws, and a
 * commit that throws half-way is not rolled back by the embedded engine.
 */
export const keys = {
  /** {@linkcode Head} */
  head: (room: string): Deno.KvKey => ["room", room, "head"],
  /** {@linkcode LogRecord}; a long one goes on under this key and 1, 2, … */
  logEntry: (room: string, offset: number): Deno.KvKey => ["room", room, "log", offset],
  log: (room: string): Deno.KvKey => ["room", room, "log"],
  /** A text value: the room's configuration. */
  config: (room: string): Deno.KvKey => ["room", room, "config"],
  /** The suffix that the next new session gets. */
  nextSuffix: (room: string): Deno.KvKey => ["room", room, "suffix"],
  /** {@linkcode SessionRecord} */
  session: (room: string, session: string): Deno.KvKey => ["room", room, "session", session],
  /** Millionths, in two's complement. */
  counter: (room: string, id: string): Deno.KvKey => ["room", room, "counter", id],
  counters: (room: string): Deno.KvKey => ["room", room, "counter"],
  /** The answer that a session has given. */
  vote: (room: string, poll: string, session: string): Deno.KvKey => [
    "room",
    room,
    "vote",
    poll,
    session,
  ],
  /** How many have given an answer. */
  tally: (room: string, poll: string, answer: string): Deno.KvKey => [
    "room",
    room,
    "tally",
    poll,
    answer,
  ],
  tallies: (room: string, poll: string): Deno.KvKey => ["room", room, "tally", poll],
  polls: (room: string): Deno.KvKey => ["room", room, "tally"],
  /** {@linkcode OnceRecord} */
  once: (room: string, session: string, key: string): Deno.KvKey => [
    "room",
    room,
    "once",
    session,
    key,
  ],
  /** The number of a committer's latest commit. */
  fence: (committer: string): Deno.KvKey => ["fence", committer],
} as const;

/** Where a room's log stands. */
export interface Head {
  /** Names this life of the log; another one after the store was wiped. */
  readonly epoch: string;
  /** The newest event's offset; 0 before the first. */
  readonly offset: number;
}

/** What the store keeps of a session in a room. */
export interface SessionRecord {
  readonly suffix: number;
  /** JSON text of the properties. */
  readonly properties: string;
  /** When it was last written, in milliseconds since 1970. */
  readonly at: number;
}

/** What a message with a `key` was answered. */
export interface OnceRecord {
  /** JSON text of the ack's data. */
  readonly ack: string;
  /** When it was answered, in milliseconds since 1970. */
  readonly at: number;
}

/** A signed sum as the store holds it. */
export function toSum(value: bigint): Deno.KvU64 {
  return new Deno.KvU64(BigInt.asUintN(64, value));
}

/** A sum as read; an absent one is 0. */
export function fromSum(value: Deno.KvU64 | null): bigint {
  return value === null ? 0n : BigInt.asIntN(64, value.value);
}
