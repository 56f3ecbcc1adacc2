import { z } from "zod";
import type { Fields } from "../protocol/fields.ts";
import { type LocalCommand, localCommand } from "./command.ts";

/** Casts a vote that goes when its session's last connection in the room does. */
export function ephemeralPoll({ id }: Fields): LocalCommand {
  return localCommand({
    type: "ephemeralPoll",
    input: z.object({ data: z.object({ id, answer: id }) }),
    run({ data: { id: poll, answer } }, { member, room, limits, now }) {
      room.vote(poll, member.seat, answer, now, limits.maxPollAnswers);
      return { id: poll, answer };
    },
  });
}
