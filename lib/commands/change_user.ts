import { z } from "zod";
import { type LocalCommand, localCommand } from "./command.ts";

/** Makes the connection another user's: a token's, or without one a public user's. */
export function changeUser(): LocalCommand {
  return localCommand({
    type: "change_user",
    holdsUp: true,
    input: z.object({ token: z.string("must be a token, as text").nullish() }),
    async run({ token }, { member, changeUser }) {
      await changeUser(token ?? undefined);
      return { user_id: member.userId };
    },
  });
}
