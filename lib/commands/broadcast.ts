import { z } from "zod";
import type { Change } from "../committer/change.ts";
import type { Fields } from "../protocol/fields.ts";
import { isJsonObject, type Json } from "../protocol/json.ts";
import { type StoreCommand, storeCommand } from "./command.ts";

/** The shape of what is broadcast, in a message or a request. */
export function broadcastInput({ json, topic }: Fields): z.ZodType<{ data: Json }> {
  const target = z.object({ to: topic.optional() });
  return z.object({
    data: json.superRefine((data, context) => {
      if (!isTyped(data)) return;
      for (const { path, message } of target.safeParse(data).error?.issues ?? []) {
        context.addIssue({ code: "custom", path: [...path], message });
      }
    }),
  });
}

/**
 * Sends a message of any type to everyone in the room, or with `to` to those who have subscribed to
 * that. Data that names no type goes out as a `broadcast` itself.
 */
export function broadcast(fields: Fields): StoreCommand {
  return storeCommand({
    type: "broadcast",
    admin: true,
    input: broadcastInput(fields),
    handle: ({ data }) => broadcastOf(data),
  });
}

/** The change that broadcasts `data`, which has been checked. */
export function broadcastOf(data: Json): Change {
  if (!isTyped(data)) {
    return { event: { topic: "broadcast", message: JSON.stringify({ type: "broadcast", data }) } };
  }
  const { to, type, data: inner } = data;
  const message = JSON.stringify({ type, data: inner });
  return { event: { topic: to === undefined ? "broadcast" : String(to), message } };
}

function isTyped(data: Json): data is { type: string; data?: Json; to?: Json } {
  return isJsonObject(data) && typeof data.type === "string";
}
