import { Hono } from "hono";
import { ProtocolError } from "../lib/errors.ts";
import { broadcastInput, broadcastOf } from "../lib/commands/broadcast.ts";
import { invalidMessage } from "../lib/protocol/message.ts";
import type { Server } from "../lib/server.ts";
import { jsonBody } from "./body.ts";
import { callerOf, idempotencyKey } from "./caller.ts";
import type { Environment } from "./errors.ts";
import { wholeNumber } from "./query.ts";
import { roomName } from "./room_name.ts";

/** How many events are told at a time. */
const DEFAULT_LIMIT = 100;
const MAX_LIMIT = 1000;

/** A room's log: what has happened, and what an admin lets happen. */
export function logRoutes(server: Server): Hono<Environment> {
  const { backend } = server;
  const broadcast = broadcastInput(server.fields);
  return new Hono<Environment>()
    .get("/rooms/:room/history", async (context) => {
      const room = roomName(context, server);
      const caller = await callerOf(context, server);
      if (!await server.policy.mayReadHistory(caller, room)) {
        throw new ProtocolError("not_allowed", `You may not know what has happened in ${room}.`);
      }
      const limit = wholeNumber(context, "limit", { min: 1, max: MAX_LIMIT }) ?? DEFAULT_LIMIT;
      const { epoch = null, offset: newest = 0 } = await backend.head(room) ?? {};
      const oldest = backend.log.oldest(newest);
      const asked = context.req.query("epoch");
      const sameLife = asked === undefined || asked === "" || asked === epoch;
      const since = wholeNumber(context, "since", { min: 0, max: Number.MAX_SAFE_INTEGER });
      const after = since === undefined ? newest - limit : sameLife ? since : 0;
      const from = Math.max(oldest, after + 1);
      const entries = await backend.log.readAll(room, from, Math.min(newest + 1, from + limit));
      return context.json({
        room,
        epoch,
        offset: String(newest),
        complete: sameLife && isComplete(after, newest, entries[0]?.offset),
        events: entries.map(({ frame }) => JSON.parse(frame)),
      });
    })
    .post("/rooms/:room/broadcast", async (context) => {
      const name = roomName(context, server);
      const { now } = server;
      // A key that is guessed at is guessed slowly.
      await callerOf(context, server);
      const timestamp = context.req.header("x-timestamp") ?? "";
      server.admins.verify(name, timestamp, context.req.header("x-signature") ?? "", now());
      const body = await jsonBody(context, server);
      const result = broadcast.safeParse({ data: body });
      if (!result.success) throw invalidMessage(result.error, "The body");
      const change = broadcastOf(result.data.data);
      const key = idempotencyKey(context);
      const room = backend.hub.hold(name);
      try {
        const size = JSON.stringify(body).length;
        const job = { room, session: "", key, size, needs: () => [], handle: () => change };
        const { ack } = await backend.committer.ask(job);
        return context.json(JSON.parse(ack));
      } finally {
        backend.hub.release(room);
      }
    });
}

/**
 * Whether events after an offset are all there; what is past its time is missing at the beginning.
 *
 * @param first the offset of the first that was found.
 */
function isComplete(after: number, newest: number, first: number | undefined): boolean {
  const wanted = Math.max(after, 0) + 1;
  return wanted > newest ? after <= newest : first === wanted;
}
