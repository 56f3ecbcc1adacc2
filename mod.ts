/**
 * Tallyroom as a library: {@linkcode createServer} starts one isolate of it.
 *
 * @module
 */

import type { MiddlewareHandler } from "hono";
import type { Extensions } from "./lib/options.ts";
import type { Json } from "./lib/protocol/json.ts";
import { Server } from "./lib/server.ts";
import { readSettings, type Settings, storeOptions } from "./lib/settings.ts";
import { Store } from "./lib/store/store.ts";
import { createApp, createHandler } from "./routes/app.ts";
import type { VerifyClient } from "./routes/admission.ts";

export { ProtocolError } from "./lib/errors.ts";
export { type AnyFunction, defineFunction } from "./lib/functions/function.ts";
export type { FunctionContext, FunctionDefinition } from "./lib/functions/function.ts";
export type { Action, Handler, HandlerOptions, HandlerUser } from "./lib/handler.ts";
export type { Asker, Conversation, Permission, Policy } from "./lib/policy.ts";
export type { ResolveUsers } from "./lib/direct/people.ts";
export { SettingsError } from "./lib/settings.ts";
export type { EventHandler, EventMessage, HandlerSocket } from "./lib/socket_events.ts";
export type { ClientToVerify, VerifyClient } from "./routes/admission.ts";

/** The time between the last messages to the clients and the end, in milliseconds. */
const CLOSING_MS = 100;

/** What a server is made of; all of it is optional. */
export interface CreateServerOptions extends Extensions {
  /** Where to listen, before the setting `PORT`; 0 takes any free port. */
  readonly port?: number;
  /** Settings as text, by their names in the environment, before the environment's own. */
  readonly settings?: { readonly [name: string]: string };
  /** Asked for each connection; without it no connection can claim a `userId`. */
  readonly verifyClient?: VerifyClient;
  /** Middleware of Hono's by the route that it is for, such as `/peerjs/*`. */
  readonly use?: { readonly [route: string]: MiddlewareHandler };
  /** Whether to share the port with other isolates of the process. */
  readonly reusePort?: boolean;
}

/** A server that has been started. */
export interface RunningServer {
  /** Resolves when it takes connections; rejects, with words for people, when it cannot start. */
  readonly ready: Promise<{ readonly port: number; readonly instance: string }>;
  /** How many users, connections and rooms there are, and what has been done; empty until it runs. */
  readonly stats: { readonly [name: string]: Json };
  /** Sends all clients away to come back, commits what is under way, and ends within 4 seconds. */
  disconnect(): Promise<void>;
}

/** Thrown when a server cannot start; its message is one line that says why. */
export class StartError extends Error {
  override name = "StartError";
}

/**
 * Starts a server. What goes wrong while it starts, `ready` rejects with.
 *
 * @example
 * ```ts
 * import { createServer } from "./mod.ts";
 *
 * const server = createServer({
 *   port: 0,
 *   settings: { KV_PATH: ":memory:" },
 *   verifyClient: ({ userId }) => userId === "44",
 *   handler: ({ action }) => action.type === "ADD" ? Number(action.a) + Number(action.b) : null,
 * });
 * await server.ready;
 * await server.disconnect();
 * ```
 *
 * @throws {SettingsError} for settings that are out of their ranges.
 */
export function createServer(options: CreateServerOptions = {}): RunningServer {
  const port = options.port === undefined ? {} : { PORT: String(options.port) };
  const settings = readSettings({ ...Deno.env.toObject(), ...options.settings, ...port });
  const starting = start(settings, options, () => running);
  let parts: Parts | undefined;
  let stopping: Promise<void> | undefined;
  starting.then((started) => parts = started, () => {});
  const running: RunningServer = {
    ready: starting.then(({ server, http }) => {
      return { port: http.addr.port, instance: server.instance };
    }),
    get stats() {
      return parts?.server.stats() ?? {};
    },
    disconnect: () => stopping ??= starting.then(stop),
  };
  running.ready.catch(() => {});
  return running;
}

export default createServer;

interface Parts {
  readonly server: Server;
  readonly store: Store;
  readonly http: Deno.HttpServer<Deno.NetAddr>;
}

async function start(
  settings: Settings,
  options: CreateServerOptions,
  wsServer: () => RunningServer,
): Promise<Parts> {
  const { verifyClient, use, reusePort, report = () => {}, ...rest } = options;
  const store = await openStore(settings, report);
  const server = new Server({ ...rest, settings, store, report, wsServer: wsServer() });
  const { PORT: port, HOST: hostname } = settings;
  const handler = createHandler(createApp(server, { verifyClient, use }));
  try {
    const http = Deno.serve({ port, hostname, onListen: () => {}, reusePort }, handler);
    return { server, store, http };
  } catch (error) {
    await server.drain();
    store.close();
    throw new StartError(`Cannot listen on ${hostname}:${port}: ${error}`);
  }
}

async function openStore(
  settings: Settings,
  report: NonNullable<CreateServerOptions["report"]>,
): Promise<Store> {
  try {
    return await Store.open({
      ...storeOptions(settings),
      report: (event, error) => report(`store ${event}`, { error }),
    });
  } catch (error) {
    const place = settings.KV_URL ?? settings.KV_PATH ?? "its default place";
    throw new StartError(`Cannot open the store at ${place}: ${error}`);
  }
}

async function stop({ server, store, http }: Parts): Promise<void> {
  await server.drain();
  // Closing the listener in the same tick would tell clients 1001 in place of 1012.
  await new Promise((resolve) => setTimeout(resolve, CLOSING_MS));
  // A socket that was upgraded and never opened would hold up the listener's end for ever.
  let timer: ReturnType<typeof setTimeout> | undefined;
  const tooLong = new Promise((resolve) => timer = setTimeout(resolve, CLOSING_MS));
  await Promise.race([http.shutdown(), tooLong]);
  clearTimeout(timer);
  store.close();
}
