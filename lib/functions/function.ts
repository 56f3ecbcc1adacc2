import type { z } from "zod";
import type { Json } from "../protocol/json.ts";

/** Who calls a function. */
export interface FunctionCaller {
  readonly userId: string;
  /** The connection that the call came by; none for a call over HTTP. */
  readonly clientId?: string;
  readonly role: "user" | "admin";
  /** What the room's members may know of the caller; none for a call over HTTP. */
  readonly profile?: { readonly suffix: number; readonly properties: { [name: string]: Json } };
}

/** A message to clients: an object with mostly a `type` and `data`. */
export type Notification = { readonly [name: string]: Json };

/** Sends messages to connections. Each goes out once the call has been committed. */
export interface Notify {
  /** The connection that the call came by; nobody, for one over HTTP. */
  self(message: Notification): void;
  /** All connections of users. */
  users(ids: readonly string[], message: Notification): void;
  /** All connections in channels. */
  channels(ids: readonly string[], message: Notification): void;
  /** Single connections. */
  clients(ids: readonly string[], message: Notification): void;
  /** All connections in rooms. Unlike a broadcast it is no event of their logs. */
  rooms(names: readonly string[], message: Notification): void;
}

/** The room that a function is called in. What it changes happens when the call is committed. */
export interface FunctionRoom {
  readonly name: string;
  readonly counter: {
    /** The value as committed, a decimal; it may change before the call is. */
    value(id: string): Promise<string>;
    /** Adds to a counter, a number or a decimal as text. */
    add(id: string, delta?: number | string): void;
  };
  readonly poll: {
    /** How many have given each answer, as committed; it may change before the call is. */
    stats(id: string): Promise<{ [answer: string]: number }>;
    /** Casts the caller's session's one vote, or moves it. */
    vote(id: string, answer: string): void;
  };
  /** The room's data. The call is committed only while what it has read is still so. */
  readonly data: {
    /** A value, with what the call itself has set; `null` where there is none. */
    get(key: string): Promise<Json>;
    /** Sets a value; `null` deletes it. */
    set(key: string, value: Json): void;
  };
  readonly log: {
    /** Sends an event to everyone in the room, or to the subscribers of `to`, in the log's order. */
    broadcast(type: string, data: Json, options?: { to?: string }): void;
    /** The last events as their messages, oldest first, as committed. */
    last(count: number): Promise<Json[]>;
  };
  /** Sends what is worthless a second later, to subscribers of `signal` or `signal:event`. */
  signal(event: string, data: Json): void;
}

/** What a function works with. */
export interface FunctionContext {
  readonly caller: FunctionCaller;
  readonly room: FunctionRoom;
  readonly notify: Notify;
  /** What `GET_STATS` answers. */
  stats(): Promise<{ [name: string]: Json }>;
  /** Milliseconds since 1970. */
  readonly now: number;
  /** Aborted when the call has taken too long; what it does then has no effect. */
  readonly abort: AbortSignal;
}

/**
 * A function on the server that clients call. All it does through its context happens together when
 * it has returned, or not at all if it fails; and if the room's data that it has read has changed
 * meanwhile, it is run again. So what it does elsewhere should bear being done twice.
 */
export interface FunctionDefinition<Input = unknown> {
  /** What it is called by. */
  readonly name: string;
  /** Whether only admins may call it. */
  readonly admin?: boolean;
  /** What it is called with. */
  readonly input: z.ZodType<Input>;
  /**
   * @returns the answer, any JSON value.
   * @throws {ProtocolError} to refuse, in words for the caller. Of any other error the caller is not
   * told the text.
   */
  run(input: Input, context: FunctionContext): Json | void | Promise<Json | void>;
}

/** Types a function, by its input. */
export function defineFunction<Input>(
  definition: FunctionDefinition<Input>,
): FunctionDefinition<Input> {
  return definition;
}

// deno-lint-ignore no-explicit-any -- a list of functions has a different input type in each place
export type AnyFunction = FunctionDefinition<any>;
