import { Hono } from "hono";
import type { Room } from "../lib/hub/room.ts";
import type { Seat } from "../lib/hub/seat.ts";
import type { Server } from "../lib/server.ts";
import type { Environment } from "./errors.ts";
import { roomName } from "./room_name.ts";

/** What anyone may know of a room: how many are in it, who they say they are, where its log is. */
export function roomRoutes(server: Server): Hono<Environment> {
  return new Hono<Environment>()
    .get("/details", async (context) => {
      const name = roomName(context, server);
      const head = await server.head(name);
      const room = server.hub.rooms.get(name);
      return context.json({
        room: name,
        exists: head !== undefined,
        epoch: head?.epoch ?? null,
        offset: String(head?.offset ?? 0),
        connections: room?.members.size ?? 0,
        users: occupied(room).length,
      });
    })
    .get("/users", (context) => {
      const name = roomName(context, server);
      const room = server.hub.rooms.get(name);
      const users = occupied(room);
      return context.json({
        room: name,
        count: users.length,
        users: users.map(({ userId, profile, members }) => ({
          user_id: userId,
          suffix: profile.suffix,
          properties: profile.publicProperties,
          connections: members.length,
        })),
      });
    });
}

/** The seats that somebody sits on; others are just being taken. */
function occupied(room: Room | undefined): Seat[] {
  return [...room?.seats.values() ?? []].filter(({ members }) => members.length > 0);
}
