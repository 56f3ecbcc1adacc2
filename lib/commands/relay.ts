import { z } from "zod";
import { ProtocolError } from "../errors.ts";
import type { Fields } from "../protocol/fields.ts";
import { type LocalCommand, localCommand } from "./command.ts";

/** What carries secrets is nobody else's to see, an admin's neither. */
const PRIVATE_TYPES = new Set(["authenticate", "change_user"]);

/** Lets an admin see every message of a type that users send, with all that is known of its sender. */
export function relay({ type }: Fields): LocalCommand {
  return localCommand({
    type: "relay",
    admin: true,
    input: z.object({ data: type }),
    run({ data }, { member, room, limits }) {
      if (PRIVATE_TYPES.has(data)) {
        throw new ProtocolError("not_allowed", `Messages of type ${data} cannot be relayed.`);
      }
      if (room.relays.count(member) >= limits.maxRelays) {
        throw new ProtocolError(
          "limit_exceeded",
          `A connection has at most ${limits.maxRelays} relays: delete one first.`,
        );
      }
      room.addRelay(member, data);
    },
  });
}
