import type { Target } from "./protocol/target.ts";

/** Who asks for something. */
export interface Asker {
  readonly userId: string;
  readonly role: "user" | "admin";
  /** The connection it is asked by; none over HTTP. */
  readonly clientId?: string;
}

/** A conversation outside rooms: with a user, or on a topic. */
export interface Conversation {
  readonly kind: "user" | "topic";
  readonly id: string;
}

export type Permission = boolean | Promise<boolean>;

/**
 * Who may do what, for the program that embeds the server to say. By default all of it is open to
 * whoever knows a room's name or a user's, channel's or connection's id, as far as a token is not
 * asked for anyway: names that nobody can guess are what keeps things private.
 */
export interface Policy {
  /** Whether one may connect to a room. */
  mayEnter(asker: Asker, room: string): Permission;
  /** Whether one may be told who is in a room. */
  mayReadUsers(asker: Asker, room: string): Permission;
  /** Whether one may be told what has happened in a room before. */
  mayReadHistory(asker: Asker, room: string): Permission;
  /** Whether one may send to other users, channels or connections. */
  maySend(asker: Asker, target: Target): Permission;
  /** Whether one may read a conversation, and write in it. Only users with a token get to ask. */
  mayConverse(asker: Asker, conversation: Conversation): Permission;
}

/** Whether all of several things are permitted. */
export function every(...permissions: readonly Permission[]): Permission {
  if (permissions.includes(false)) return false;
  if (permissions.every((permission) => permission === true)) return true;
  return Promise.all(permissions).then((all) => all.every((permitted) => permitted));
}

/** The policy that a program's own one is laid over. */
export const OPEN_POLICY: Policy = {
  mayEnter: () => true,
  mayReadUsers: () => true,
  mayReadHistory: () => true,
  maySend: () => true,
  mayConverse: () => true,
};
