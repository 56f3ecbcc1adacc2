import { Hono, type MiddlewareHandler } from "hono";
import { cors } from "hono/cors";
import { toProtocolError } from "../lib/errors.ts";
import type { Server } from "../lib/server.ts";
import type { VerifyClient } from "./admission.ts";
import { eventRoutes } from "./events.ts";
import { type Environment, handleError, notFound, STATUS } from "./errors.ts";
import { directRoutes } from "./direct.ts";
import { functionRoutes } from "./functions.ts";
import { healthRoutes } from "./health.ts";
import { logRoutes } from "./log.ts";
import { pageRoutes } from "./pages.ts";
import { roomRoutes } from "./rooms.ts";
import { scriptRoutes } from "./scripts.ts";
import { websocketRoute } from "./websocket.ts";

/** What pages of other sites may use. */
const SHARED = [
  ...["/api/*", "/functions/*", "/walker/*", "/rooms/*", "/details", "/users"],
  ...["/healthz", "/stats", "/asyncapi.json"],
];

/** What the program that embeds the server adds to its routes. */
export interface AppOptions {
  readonly verifyClient?: VerifyClient;
  /** Middleware by the route that it is for, such as `/peerjs/*`. */
  readonly use?: { readonly [route: string]: MiddlewareHandler };
}

/** Everything the server answers over HTTP. */
export function createApp(server: Server, options: AppOptions = {}): Hono<Environment> {
  const app = new Hono<Environment>();
  for (const [route, middleware] of Object.entries(options.use ?? {})) app.use(route, middleware);
  const { ALLOWED_ORIGINS: allowed } = server.settings;
  const shared = cors({ origin: allowed.length === 0 ? "*" : [...allowed], maxAge: 86_400 });
  for (const path of SHARED) app.use(path, shared);
  return app
    .route("/", websocketRoute(server, options.verifyClient))
    .route("/", functionRoutes(server))
    .route("/api", directRoutes(server))
    .route("/", roomRoutes(server))
    .route("/", logRoutes(server))
    .route("/", eventRoutes(server, options.verifyClient))
    .route("/", healthRoutes(server))
    .route("/", scriptRoutes())
    .route("/", pageRoutes())
    .notFound(notFound)
    .onError(handleError);
}

/** The handler to serve an app with; it tells the app what the runtime knows of the connection. */
export function createHandler(
  app: Hono<Environment>,
): (request: Request, info: Deno.ServeHandlerInfo) => Promise<Response> {
  return async (request, { remoteAddr }) => {
    const remoteAddress = "hostname" in remoteAddr ? remoteAddr.hostname : undefined;
    try {
      return await app.fetch(request, { remoteAddress });
    } catch (error) {
      // The embedding program's code may throw what is no error, which the framework passes on.
      const { code, message } = toProtocolError(error);
      return Response.json({ error: { code, message } }, { status: STATUS[code] });
    }
  };
}
