import { Hono } from "hono";
import type { Server } from "../lib/server.ts";
import type { Environment } from "./errors.ts";

/** Whether the server is well, and what it has done. */
export function healthRoutes(server: Server): Hono<Environment> {
  const startedAt = performance.now();
  return new Hono<Environment>()
    .get("/healthz", async (context) => {
      const store = await server.store.answers() ? "ok" : "unavailable";
      const well = store === "ok" && !server.draining;
      const status = server.draining ? "draining" : well ? "ok" : "degraded";
      return context.json({ status, store, instance: server.instance }, well ? 200 : 503);
    })
    .get("/stats", async (context) => {
      const { heapUsed, rss } = Deno.memoryUsage();
      const isolates = await server.isolates().catch(() => []);
      return context.json({
        instance: server.instance,
        uptime_seconds: Math.round((performance.now() - startedAt) / 1000),
        rooms: server.hub.rooms.size,
        connections: server.connections.size,
        messages_received: server.traffic.received,
        store: { ...server.store.calls, away: server.store.away },
        memory: { heap_used: heapUsed, rss },
        isolates: isolates.map(({ instance, at, rooms, connections, received }) => {
          return { instance, at, rooms, connections, messages_received: received };
        }),
      });
    });
}
