import { z } from "zod";
import { ProtocolError } from "../errors.ts";
import type { Fields } from "../protocol/fields.ts";
import type { Json } from "../protocol/json.ts";
import type { Target } from "../protocol/target.ts";
import { type Caller, type CommandLimits, type StoreCommand, storeCommand } from "./command.ts";

/** What only the server says; so nobody can be made to believe that it did. */
const SERVER_TYPES = new Set([
  "connection",
  "config",
  "profile",
  "ack",
  "error",
  "ping",
  "pong",
  "poll",
  "ephemeralPoll",
  "counter",
  "presence",
  "STATUS_CHANGE",
  "draining",
  "walker",
  "new-message",
  "update-message",
  "delete-message",
]);

/** Sends a message to all connections of users, wherever they are. */
export function user(fields: Fields, { maxTargets }: CommandLimits): StoreCommand {
  const ids = idsOf(fields, maxTargets);
  return targeted(
    "user",
    z.object({ data: fields.object, root_ids: ids.optional(), user_ids: ids.optional() })
      .refine(({ root_ids, user_ids }) => root_ids ?? user_ids, {
        path: ["root_ids"],
        message: "must be given, or user_ids",
      }),
    ({ root_ids = [], user_ids = [] }) => ({ kind: "user", ids: [...root_ids, ...user_ids] }),
  );
}

/** Sends a message to all connections in channels, wherever they are. */
export function channel(fields: Fields, { maxTargets }: CommandLimits): StoreCommand {
  return targeted(
    "channel",
    z.object({ data: fields.object, channel_ids: idsOf(fields, maxTargets) }),
    ({ channel_ids: ids }) => ({ kind: "channel", ids }),
  );
}

/** Sends a message to single connections, wherever they are. */
export function client(fields: Fields, { maxTargets }: CommandLimits): StoreCommand {
  return targeted(
    "client",
    z.object({ data: fields.object, client_ids: idsOf(fields, maxTargets) }),
    ({ client_ids: ids }) => ({ kind: "client", ids }),
  );
}

/** Sends a message to the sender's user's other connections, wherever they are. */
export function siblings({ object }: Fields): StoreCommand {
  return targeted(
    "siblings",
    z.object({ data: object }),
    (_input, { userId, clientId }) => ({ kind: "user", ids: [userId], except: clientId }),
  );
}

function targeted<Input extends { data: { [name: string]: Json } }>(
  type: string,
  input: z.ZodType<Input>,
  targetOf: (input: Input, caller: Caller) => Target,
): StoreCommand<Input> {
  return storeCommand({
    type,
    input,
    permit: (input, caller, policy) => policy.maySend(caller, targetOf(input, caller)),
    needs: (input, caller) => [{ kind: "target", target: targetOf(input, caller) }],
    handle(input, view, caller) {
      const { from: _claimed, ...data } = input.data;
      const said = serverSaying(data);
      if (said !== undefined) {
        throw new ProtocolError("not_allowed", `Only the server sends ${said} messages.`);
      }
      const target = targetOf(input, caller);
      const from = { client_id: caller.clientId, user_id: caller.userId };
      return {
        send: { target, frame: JSON.stringify({ ...data, from }) },
        reply: { delivered: view.reach(target) },
      };
    },
  });
}

/** The type or event of a message, if only the server may say it. */
function serverSaying({ type, event }: { [name: string]: Json }): string | undefined {
  if (typeof type === "string" && (SERVER_TYPES.has(type) || type.startsWith("relay:"))) {
    return type;
  }
  return typeof event === "string" && event.startsWith("data:set:") ? event : undefined;
}

function idsOf({ id }: Fields, most: number): z.ZodType<string[]> {
  return z.array(id, "must be a list of ids").min(1, "must name somebody")
    .max(most, `must name at most ${most}`);
}
