import { Hono } from "hono";
import type { Server } from "../lib/server.ts";
import { type Environment, handleError, notFound } from "./errors.ts";
import { healthRoutes } from "./health.ts";
import { pageRoutes } from "./pages.ts";
import { roomRoutes } from "./rooms.ts";
import { websocketRoute } from "./websocket.ts";

/** Everything the server answers over HTTP. */
export function createApp(server: Server): Hono<Environment> {
  return new Hono<Environment>()
    .route("/", websocketRoute(server))
    .route("/", roomRoutes(server))
    .route("/", healthRoutes(server))
    .route("/", pageRoutes())
    .notFound(notFound)
    .onError(handleError);
}

/** The handler to serve an app with; it tells the app what the runtime knows of the connection. */
export function createHandler(
  app: Hono<Environment>,
): (request: Request, info: Deno.ServeHandlerInfo) => Response | Promise<Response> {
  return (request, { remoteAddr }) => {
    const remoteAddress = "hostname" in remoteAddr ? remoteAddr.hostname : undefined;
    return app.fetch(request, { remoteAddress });
  };
}
