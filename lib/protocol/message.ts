import { z } from "zod";
import { ProtocolError } from "../errors.ts";
import { isJsonObject, type Json } from "./json.ts";

/** A client's message: its envelope checked, the rest still to be checked by its command. */
export interface Message {
  readonly type: string;
  readonly data?: Json;
  /** Set: exactly one answer goes back with it. */
  readonly id?: string | number;
  /** Set: the message takes effect once, however often it is sent. */
  readonly key?: string;
  readonly [field: string]: unknown;
}

const envelope = z.looseObject({
  type: z.string().max(256),
  id: z.union([z.string().max(256), z.number()], "must be a string or a number").optional(),
  key: z.string().min(1).max(64).refine((key) => key.isWellFormed(), "must be well-formed Unicode")
    .optional(),
});

/** What a frame holds: a message, a fault, or neither where there is nothing to act on. */
export interface Decoded {
  readonly message?: Message;
  readonly fault?: ProtocolError;
  /** What to answer with, where there is one. */
  readonly id?: string | number;
}

/**
 * Decodes one text frame. An object with neither `type` nor `event` is nothing to act on, by the
 * contract, and neither is an `event` that nobody handles.
 */
export function decodeMessage(frame: string): Decoded {
  let value: unknown;
  try {
    value = JSON.parse(frame);
  } catch {
    return { fault: new ProtocolError("invalid_json", "The frame is not JSON.") };
  }
  if (!isJsonObject(value)) {
    return {
      fault: new ProtocolError(
        "invalid_message",
        'A message is a JSON object with a type, such as {"type":"profile"}.',
        "",
      ),
    };
  }
  if (value.type === undefined) return {};
  const result = envelope.safeParse(value);
  if (result.success) return { message: value as unknown as Message, id: result.data.id };
  const { id } = value;
  return {
    fault: invalidMessage(result.error),
    id: typeof id === "string" || typeof id === "number" ? id : undefined,
  };
}

/**
 * The `invalid_message` that tells the first fault a schema found.
 *
 * @param whole what to name where the fault is not in a part: a message has no name.
 */
export function invalidMessage(error: z.ZodError, whole = ""): ProtocolError {
  const issue = error.issues[0]!;
  const path = issue.path.map(String).join(".") || whole;
  return new ProtocolError("invalid_message", `${path || "The message"}: ${issue.message}.`, path);
}
