import { z } from "zod";
import { profileMessage } from "../hub/greeting.ts";
import { type LocalCommand, localCommand } from "./command.ts";

/** Sends the member its own profile. */
export function profile(): LocalCommand {
  return localCommand({
    type: "profile",
    input: z.object({}),
    run(_input, { member }) {
      member.outbox.send(profileMessage(member));
    },
  });
}
