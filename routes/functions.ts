import { Hono } from "hono";
import { walked } from "../lib/commands/walker.ts";
import { ProtocolError } from "../lib/errors.ts";
import type { Json } from "../lib/protocol/json.ts";
import type { Server } from "../lib/server.ts";
import { jsonBody } from "./body.ts";
import { callerOf, idempotencyKey } from "./caller.ts";
import type { AppContext, Environment } from "./errors.ts";
import { roomName } from "./room_name.ts";

/** Functions by HTTP: `POST /functions/:name`, and as `POST /walker/:name` in another dress. */
export function functionRoutes(server: Server): Hono<Environment> {
  return new Hono<Environment>()
    .post("/functions/:name", async (context) => {
      return context.json({ data: await call(context, server) });
    })
    .post("/walker/:name", async (context) => context.json(walked(await call(context, server))));
}

async function call(context: AppContext, server: Server): Promise<Json> {
  const room = roomName(context, server);
  const { session, userId, role } = await callerOf(context, server);
  const name = context.req.param("name")!;
  const callee = server.functions.find(name);
  if (!callee) throw new ProtocolError("not_found", `There is no function ${name}.`);
  if (!await server.policy.mayEnter({ userId, role }, room)) {
    throw new ProtocolError("not_allowed", `You may not enter the room ${room}.`);
  }
  const input = await jsonBody(context, server);
  const key = idempotencyKey(context);
  return await server.functions.call(callee, {
    input,
    key,
    room,
    session,
    caller: { userId, role },
  });
}
