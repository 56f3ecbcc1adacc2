import { z } from "zod";
import { type LocalCommand, localCommand } from "./command.ts";

/** Says whether somebody pays attention to the connection. */
export function status(): LocalCommand {
  return localCommand({
    type: "status",
    input: z.object({ data: z.enum(["ONLINE", "AWAY"], 'must be "ONLINE" or "AWAY"') }),
    run({ data }, { member, room }) {
      room.setStatus(member, data);
    },
  });
}
