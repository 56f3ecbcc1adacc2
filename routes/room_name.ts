import { ProtocolError } from "../lib/errors.ts";
import { fitsBytes } from "../lib/protocol/json.ts";
import type { Server } from "../lib/server.ts";
import type { AppContext } from "./errors.ts";

const DEFAULT_ROOM = "default";

/**
 * The room that a request's path names, or its query.
 *
 * @throws {ProtocolError} `invalid_message` for a name of no bytes or too many.
 */
export function roomName(context: AppContext, { settings }: Server): string {
  const name = context.req.param("room") ?? context.req.query("room") ?? DEFAULT_ROOM;
  if (name !== "" && fitsBytes(name, settings.MAX_ID_BYTES)) return name;
  throw new ProtocolError(
    "invalid_message",
    `room: must be 1 to ${settings.MAX_ID_BYTES} bytes of UTF-8.`,
    "room",
  );
}
