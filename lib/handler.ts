import type { UserStatus } from "./hub/users.ts";
import type { Json } from "./protocol/json.ts";
import type { HandlerSocket } from "./socket_events.ts";

/** What a client has sent to the server: an object with a type. */
export interface Action {
  readonly type: string;
  readonly [field: string]: Json;
}

/** A user with connections to this isolate. */
export interface HandlerUser {
  readonly id: string;
  readonly clients: ReadonlySet<HandlerSocket>;
  /** The connection that was last made, of those that somebody pays attention to. */
  readonly activeClient: HandlerSocket | null;
  readonly status: Omit<UserStatus, "user_id">;
}

/** What a handler is called with. */
export interface HandlerOptions {
  readonly action: Action;
  /** The server that {@linkcode createServer} has made. */
  readonly wsServer: unknown;
  /** The connection that the action came by. */
  readonly client: HandlerSocket;
  readonly ws: HandlerSocket;
  readonly user: HandlerUser;
  /** Everyone with connections to this isolate. */
  readonly users: ReadonlyMap<string, HandlerUser>;
  sendToClient(client: Pick<HandlerSocket, "send">, message: Json): void;
  /** Sends an action to the user's other connections, on whichever isolates. */
  broadcast(action: { readonly [field: string]: Json }): void;
}

/**
 * Takes what clients `call` that no function is named for.
 *
 * @returns the answer, or a promise of it.
 */
export type Handler = (options: HandlerOptions) => unknown;
