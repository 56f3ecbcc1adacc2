import { z } from "zod";
import { castVote } from "../committer/changes.ts";
import type { Fields } from "../protocol/fields.ts";
import { type CommandLimits, type StoreCommand, storeCommand } from "./command.ts";

/** Casts the session's one vote in a poll, or moves it. */
export function poll({ id }: Fields, { maxPollAnswers }: CommandLimits): StoreCommand {
  return storeCommand({
    type: "poll",
    input: z.object({ data: z.object({ id, answer: id }) }),
    needs: ({ data }, { seat: { session } }) => [
      { kind: "vote", poll: data.id, session, answer: data.answer },
    ],
    handle({ data: { id: poll, answer } }, view, { seat: { session } }) {
      const vote = castVote(view, { poll, session, answer }, maxPollAnswers);
      return { ...vote, reply: { id: poll, answer } };
    },
  });
}
