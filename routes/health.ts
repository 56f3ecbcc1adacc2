import { Hono } from "hono";
import metadata from "../deno.json" with { type: "json" };
import { asyncApi } from "../lib/commands/asyncapi.ts";
import type { Server } from "../lib/server.ts";
import type { Environment } from "./errors.ts";

/** Whether the server is well, what it has done, and what it understands. */
export function healthRoutes(server: Server): Hono<Environment> {
  let api: object | undefined;
  return new Hono<Environment>()
    .get("/healthz", async (context) => {
      const store = await server.store.answers() ? "ok" : "unavailable";
      const well = store === "ok" && !server.draining;
      const status = server.draining ? "draining" : well ? "ok" : "degraded";
      return context.json({ status, store, instance: server.instance }, well ? 200 : 503);
    })
    .get("/asyncapi.json", (context) => {
      return context.json(api ??= asyncApi(server.commands.all, metadata.version));
    })
    .get("/stats", async (context) => context.json(await server.allStats()));
}
