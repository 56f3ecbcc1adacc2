import { Hono } from "hono";
import type { PresentMember } from "../lib/hub/presence.ts";
import { ProtocolError } from "../lib/errors.ts";
import type { Server } from "../lib/server.ts";
import { callerOf } from "./caller.ts";
import type { AppContext, Environment } from "./errors.ts";
import { roomName } from "./room_name.ts";

/** What anyone may know of a room: how many are in it, who they say they are, where its log is. */
export function roomRoutes(server: Server): Hono<Environment> {
  const members = async (context: AppContext, name: string): Promise<PresentMember[]> => {
    // To know them may take joining the room, which costs a few commits.
    const caller = await callerOf(context, server);
    if (!await server.policy.mayReadUsers(caller, name)) {
      throw new ProtocolError("not_allowed", `You may not know who is in the room ${name}.`);
    }
    return await server.backend.view(name, (room) => [...room?.presence.members() ?? []]);
  };
  return new Hono<Environment>()
    .get("/details", async (context) => {
      const name = roomName(context, server);
      const present = await members(context, name);
      const head = await server.backend.head(name);
      return context.json({
        room: name,
        exists: head !== undefined,
        epoch: head?.epoch ?? null,
        offset: String(head?.offset ?? 0),
        connections: present.length,
        users: byUser(present).length,
      });
    })
    .get("/users", async (context) => {
      const name = roomName(context, server);
      const users = byUser(await members(context, name));
      return context.json({
        room: name,
        count: users.length,
        users: users.map((connections) => {
          const { user_id, suffix, properties } = connections[0]!;
          return { user_id, suffix, properties, connections: connections.length };
        }),
      });
    });
}

/** The connections of each user, on whichever isolates. */
function byUser(members: readonly PresentMember[]): PresentMember[][] {
  return [...Map.groupBy(members, ({ user_id }) => user_id).values()];
}
