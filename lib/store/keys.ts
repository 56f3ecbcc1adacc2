import type { LogEntry } from "../protocol/log_entry.ts";
import type { AddressKind } from "../protocol/target.ts";

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
  /** A text value: JSON. */
  data: (room: string, key: string): Deno.KvKey => ["room", room, "data", key],
  allData: (room: string): Deno.KvKey => ["room", room, "data"],
  /** {@linkcode OnceRecord} */
  once: (room: string, session: string, key: string): Deno.KvKey => [
    "room",
    room,
    "once",
    session,
    key,
  ],
  /** The isolates that have members in the room, by their names among peers: `string[]`. */
  roster: (room: string): Deno.KvKey => ["room", room, "roster"],
  /** What a peer holds for its connections in the room: a {@linkcode Holding}'s value. */
  holding: (room: string, peer: string, path: readonly string[]): Deno.KvKey => [
    "room",
    room,
    "held",
    peer,
    ...path,
  ],
  holdings: (room: string, peer: string): Deno.KvKey => ["room", room, "held", peer],
  /** What a user's token last said of it, as JSON text. */
  person: (user: string): Deno.KvKey => ["person", user],
  /** The number of a committer's latest commit. */
  fence: (committer: string): Deno.KvKey => ["fence", committer],
  /** {@linkcode AliveRecord} */
  alive: (peer: string): Deno.KvKey => ["alive", peer],
  peers: (): Deno.KvKey => ["alive"],
  /** Written when a peer has something to look up; the one key that it watches. */
  bell: (peer: string): Deno.KvKey => ["bell", peer],
  /** All that a peer has to look up. */
  inbox: (peer: string): Deno.KvKey => ["inbox", peer],
  /** What of a room has changed. */
  mark: (peer: string, room: string, mark: Mark): Deno.KvKey => [
    "inbox",
    peer,
    "mark",
    room,
    ...mark,
  ],
  /** That a user's connections have changed elsewhere. */
  userMark: (peer: string, user: string): Deno.KvKey => ["inbox", peer, "user", user],
  /** A text value with {@linkcode MailFields}: a message for a peer's members. */
  mail: (peer: string, sender: string, number: number): Deno.KvKey => [
    "inbox",
    peer,
    "mail",
    sender,
    number,
  ],
  /** What a peer is on the roster of; for those who clear up after it. */
  joinedRoom: (peer: string, room: string): Deno.KvKey => ["joined", peer, "room", room],
  joinedRooms: (peer: string): Deno.KvKey => ["joined", peer, "room"],
  joinedAt: (peer: string, kind: AddressKind, id: string): Deno.KvKey => [
    "joined",
    peer,
    "at",
    kind,
    id,
  ],
  joinedAll: (peer: string): Deno.KvKey => ["joined", peer, "at"],
  /** An `AtRecord`: what a peer has under an address. */
  at: (kind: AddressKind, id: string, peer: string): Deno.KvKey => ["at", kind, id, peer],
  atAll: (kind: AddressKind, id: string): Deno.KvKey => ["at", kind, id],
} as const;

/**
 * What of a room has changed, so that another isolate shall look: its log, its roster, a counter,
 * a poll, a value of its data, a session's properties, what a peer holds (one thing by its path, or all), or anything.
 */
export type Mark =
  | readonly ["log" | "roster" | "all"]
  | readonly ["counter" | "poll" | "data" | "session", string]
  | readonly ["held", string, ...string[]];

/** That an isolate lives. */
export interface AliveRecord {
  readonly instance: string;
  /** When it said so, in milliseconds since 1970 by its own clock. */
  readonly at: number;
  /** Whether others have found it dead, and are clearing up after it. */
  readonly dead?: boolean;
  readonly rooms: number;
  readonly connections: number;
  readonly received: number;
}

/** What is stored beside a mail's text. */
export interface MailFields {
  readonly room: string;
  readonly kind: "relay" | "status" | "signal" | "target";
  /** What it is about: a relayed type, a user, a signal's topic; a target's mail tells it itself. */
  readonly about: string;
  /** When it was sent, in milliseconds since 1970. */
  readonly at: number;
}

/** Where a room's log stands. */
export interface Head {
  /** Names this life of the log; another one after the store was wiped. */
  readonly epoch: string;
  /** The newest event's offset; 0 before the first. */
  readonly offset: number;
}

/** What a mark of a log says. */
export interface LogMark extends Head {
  /** What the commit that left the mark has appended, if that is short. */
  readonly entries?: readonly LogEntry[];
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

/** How long the ack of a message with a `key` is remembered, in milliseconds. */
export const REMEMBERED_MS = 600_000;

/** Whether a message may still be answered as it was the first time. */
export function isRemembered({ at }: OnceRecord, now: number): boolean {
  return at > now - REMEMBERED_MS;
}

/** A sum as read; an absent one is 0. */
export function fromSum(value: Deno.KvU64 | null): bigint {
  return value === null ? 0n : BigInt.asIntN(64, value.value);
}
