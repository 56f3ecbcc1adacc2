import { ProtocolError } from "../lib/errors.ts";
import type { Json } from "../lib/protocol/json.ts";
import type { Server } from "../lib/server.ts";
import type { AppContext } from "./errors.ts";

/**
 * A request's body, which may be as long as a message; that of none is an empty object.
 *
 * @throws {ProtocolError} `message_too_large`, or `invalid_json` for what is not JSON.
 */
export async function jsonBody(context: AppContext, { settings }: Server): Promise<Json> {
  const text = await readText(context.req.raw, settings.MAX_MESSAGE_BYTES);
  if (text === "") return {};
  try {
    return JSON.parse(text);
  } catch {
    throw new ProtocolError("invalid_json", "The body is not JSON.");
  }
}

/** Reads no more than `limit` bytes, whatever the request says of its length. */
async function readText({ body }: Request, limit: number): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  let length = 0;
  for await (const chunk of body ?? []) {
    length += chunk.length;
    if (length > limit) {
      throw new ProtocolError("message_too_large", `Send at most ${limit} bytes.`);
    }
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}
