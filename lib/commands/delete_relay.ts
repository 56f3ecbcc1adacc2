import { z } from "zod";
import type { Fields } from "../protocol/fields.ts";
import { type LocalCommand, localCommand } from "./command.ts";

/** Ends one of an admin's relays, or without a type all of them. */
export function deleteRelay({ type }: Fields): LocalCommand {
  return localCommand({
    type: "deleteRelay",
    admin: true,
    input: z.object({ data: type.nullish() }),
    run({ data }, { member, room }) {
      return { removed: room.removeRelays(member, data ?? undefined) };
    },
  });
}
