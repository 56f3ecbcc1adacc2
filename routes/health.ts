import { Hono } from "hono";
import type { Server } from "../lib/server.ts";
import type { Environment } from "./errors.ts";

/** Whether the server is well, and what it has done. */
export function healthRoutes(server: Server): Hono<Environment> {
  return new Hono<Environment>()
    .get("/healthz", async (context) => {
      const store = await server.store.answers() ? "ok" : "unavailable";
      const well = store === "ok" && !server.draining;
      const status = server.draining ? "draining" : well ? "ok" : "degraded";
      return context.json({ status, store, instance: server.instance }, well ? 200 : 503);
    })
    .get("/stats", async (context) => context.json(await server.allStats()));
}
