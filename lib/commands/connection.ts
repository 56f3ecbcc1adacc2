import { z } from "zod";
import { connectionMessage } from "../hub/greeting.ts";
import { type LocalCommand, localCommand } from "./command.ts";

/** Sends the member who and where it is. */
export function connection(): LocalCommand {
  return localCommand({
    type: "connection",
    input: z.object({}),
    run(_input, { member, instance }) {
      member.outbox.send(connectionMessage(member, instance));
    },
  });
}
