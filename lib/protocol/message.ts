import { z } from "zod";
import { ProtocolError } from "../errors.ts";
import { isJsonObject, type Json } from "./json.ts";

/** A client's message: its envelope checked, the rest still to be checked by its command. */
export interface Message {
  /** Absent: there is an `event` in its place. */
  readonly type?: string;
  readonly data?: Json;
  /** Set: exactly one answer goes back with it. */
  readonly id?: string | number;
  /** Set: the message takes effect once, however often it is sent. */
  readonly key?: string;
  readonly [field: string]: unknown;
}

const name = z.string("must be text").max(512, "must be at most 512 characters");
const envelope = z.looseObject({
  type: name.optional(),
  id: z.union([z.string().max(256), z.number()], "must be a string or a number").optional(),
  key: z.string().min(1).max(64).refine((key) => key.isWellFormed(), "must be well-formed Unicode")
    .optional(),
});

const eventEnvelope = envelope.extend({ event: name });

/** What a frame holds: a message, a fault, or neither where there is nothing to act on. */
export interface Decoded {
  readonly message?: Message;
  readonly fault?: ProtocolError;
  /** What to answer with, where there is one. */
  readonly id?: string | number;
}

/**
 * Decodes one text frame. An object with neither `type` nor `event` is nothing to act on, by the
 * contract.
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
  if (value.type === undefined && value.event === undefined) return {};
  const result = (value.type === undefined ? eventEnvelope : envelope).safeParse(value);
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
 * @param within where in the message what was checked lies.
 */
export function invalidMessage(error: z.ZodError, whole = "", within = ""): ProtocolError {
  const issue = error.issues[0]!;
  const path = [within, ...issue.path.map(String)].filter((part) => part !== "").join(".") || whole;
  return new ProtocolError("invalid_message", `${path || "The message"}: ${issue.message}.`, path);
}
