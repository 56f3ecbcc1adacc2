import type { Profile } from "../hub/profile.ts";
import type { Seat } from "../hub/seat.ts";
import type { HeldWrite } from "../hub/holdings.ts";
import type { Json } from "../protocol/json.ts";
import type { Target } from "../protocol/target.ts";
import type { MailFields } from "../store/keys.ts";

/** An event for the room's log. */
export interface LogEvent {
  /** What those subscribe to whom it is for. */
  readonly topic: string;
  /** The message's JSON text, an object of at least one member, to which the offset is added. */
  readonly message: string;
}

/** A message for the members that another isolate has in the room. */
export interface Mail extends Pick<MailFields, "kind" | "about"> {
  /** The isolate, by its name among peers. */
  readonly to: string;
  readonly text: string;
}

/** How long the mails of one change may be together. */
export const MAX_MAILS_LENGTH = 150_000;

/**
 * What a command asks for. Nothing in it has happened: the committer makes it happen, together
 * with others' changes, or lets the command decide anew when the room has changed meanwhile.
 */
export interface Change {
  /** The ack's data, to which an event's offset is added. Absent: `null`. */
  readonly reply?: { readonly [name: string]: unknown };
  /** In its place: the ack's data as it is. */
  readonly result?: Json;
  /** Appended to the room's log. */
  readonly event?: LogEvent;
  /** Added to a counter, in millionths. */
  readonly add?: { readonly counter: string; readonly delta: bigint };
  /** The session's one vote in a poll, in place of an earlier one. */
  readonly vote?: { readonly poll: string; readonly session: string; readonly answer: string };
  /** The properties and suffix to keep of a session; of its seat, where it has taken one. */
  readonly profile?: { readonly session: string; readonly profile: Profile; readonly seat?: Seat };
  /** A value of the room's data, as JSON text; without one it is deleted. */
  readonly data?: { readonly key: string; readonly text?: string };
  /** A message for connections in whichever rooms, on whichever isolates. Its target was needed. */
  readonly send?: { readonly target: Target; readonly frame: string };
  /** The room's new configuration. */
  readonly config?: string;
  /** What this isolate holds in the room, for others to see. */
  readonly held?: readonly HeldWrite[];
  /** Takes this isolate off the room's roster. */
  readonly leave?: true;
}

/** What a command must see of the room in the store before it decides. */
export type Need =
  | { readonly kind: "counter"; readonly counter: string; readonly delta: bigint }
  | {
    readonly kind: "vote";
    readonly poll: string;
    readonly session: string;
    readonly answer: string;
  }
  | { readonly kind: "session"; readonly session: string }
  /** That the room has come to where its log stands in the store. */
  | { readonly kind: "head" }
  /** That a value of the room's data, which the job counts on, can be checked. */
  | { readonly kind: "data"; readonly key: string }
  | { readonly kind: "target"; readonly target: Target };

/** How many of a commit's checks `needs` may take. */
export function checksOf(needs: readonly Need[]): number {
  return needs.filter(({ kind }) => kind !== "target" && kind !== "head").length;
}

/** What the store has of a session in a room. */
export interface StoredSession {
  readonly profile: Profile;
  /** When it was last written, in milliseconds since 1970. */
  readonly at: number;
}

/** The room as a command sees it: as committed, with what is staged before it in the same batch. */
export interface RoomView {
  /** The value of a counter that was needed, in millionths. */
  counter(id: string): bigint;
  /** Whether a vote that was needed leaves the poll with no more answers than it may have. */
  canVote(poll: string, session: string, answer: string): boolean;
  /** What the room knows of a session whose seat is taken. */
  profile(seat: Seat): Profile;
  /** Whether a value of the room's data that was needed still is as it was at a version. */
  dataIsAt(key: string, version: string | null): boolean;
  /** What the store has of a session that was needed. */
  session(id: string): StoredSession | undefined;
  /** How many connections a message to a target that was needed goes to. */
  reach(target: Target): number;
  /** The suffix for a session that was needed and is new. */
  readonly nextSuffix: number;
}
