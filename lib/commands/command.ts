import type { z } from "zod";
import type { AdminAuthentication } from "../auth/admin.ts";
import type { Change, Need, RoomView } from "../committer/change.ts";
import type { Member } from "../hub/member.ts";
import type { Past } from "../hub/replay.ts";
import type { Room } from "../hub/room.ts";
import type { CloseReason } from "../protocol/close_codes.ts";
import type { Permission, Policy } from "../policy.ts";
import type { Json } from "../protocol/json.ts";
import type { SocketEvents } from "../socket_events.ts";

interface CommandBase<Input> {
  /** The message's `type`. */
  readonly type: string;
  /** Whether only admins may. */
  readonly admin?: boolean;
  /** The shape of the message; what it leaves out, the command does not see. */
  readonly input: z.ZodType<Input>;
  /** Whether the caller may; absent: it may. Later messages wait for an answer that is a promise. */
  permit?(input: Input, caller: Caller, policy: Policy): Permission;
}

/** Who sends a message. */
export type Caller = Pick<Member, "clientId" | "userId" | "seat" | "role" | "room">;

/**
 * A command that changes the room in the store. `handle` does nothing itself: it returns the
 * change, and may be called again when the room has changed before it could be committed.
 */
export interface StoreCommand<Input = unknown> extends CommandBase<Input> {
  readonly kind: "store";
  /** What `handle` must see. */
  needs?(input: Input, caller: Caller): readonly Need[];
  /** @throws {ProtocolError} to refuse; nothing is changed then. */
  handle(input: Input, view: RoomView, caller: Caller): Change;
}

/** A command that is about the connection itself, or about what is not stored. */
export interface LocalCommand<Input = unknown> extends CommandBase<Input> {
  readonly kind: "local";
  /** Runs ahead of the sender's earlier messages: it depends on none, and must not wait. */
  readonly urgent?: boolean;
  /** The sender's later messages wait until it is done: it changes who they are from. */
  readonly holdsUp?: boolean;
  /**
   * @returns the ack's data, if any.
   * @throws {ProtocolError} to refuse; nothing is changed then.
   */
  run(input: Input, context: LocalContext): Json | void | Promise<Json | void>;
}

/** Where a local command runs. */
export interface LocalContext {
  readonly member: Member;
  readonly room: Room;
  /** What has happened in rooms. */
  readonly past: Past;
  readonly limits: CommandLimits;
  readonly now: number;
  readonly admin: AdminAuthentication;
  /** Closes the connection once everything before is sent. */
  close(reason: CloseReason): void;
  /** Names the isolate. */
  readonly instance: string;
  /** What the message is to be answered with, if at all. */
  readonly id: string | number | undefined;
  readonly events: SocketEvents;
  /**
   * Calls a function of the server's.
   *
   * @param path where in the message the input lies.
   */
  call(name: string, input: { [field: string]: Json }, path: string): Promise<Json>;
  /**
   * Makes the connection that of the user whom a token names, or without one a public user's.
   *
   * @throws {ProtocolError} `authentication_failed` for a token that does not hold.
   */
  changeUser(token: string | undefined): Promise<void>;
}

export interface CommandLimits {
  readonly maxSubscriptions: number;
  readonly maxRelays: number;
  readonly maxPollAnswers: number;
  /** How many ids one message may be sent to. */
  readonly maxTargets: number;
}

// deno-lint-ignore no-explicit-any -- a list of commands has a different input type in each place
export type Command = StoreCommand<any> | LocalCommand<any>;

/** Types a command that changes the store. */
export function storeCommand<Input>(
  command: Omit<StoreCommand<Input>, "kind">,
): StoreCommand<Input> {
  return { kind: "store", ...command };
}

/** Types a command that does not. */
export function localCommand<Input>(
  command: Omit<LocalCommand<Input>, "kind">,
): LocalCommand<Input> {
  return { kind: "local", ...command };
}
