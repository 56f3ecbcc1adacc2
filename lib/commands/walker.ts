import { z } from "zod";
import { toProtocolError } from "../errors.ts";
import type { Fields } from "../protocol/fields.ts";
import { type LocalCommand, localCommand } from "./command.ts";

/** Calls a function on the server; with `response` a message of type `walker` tells its answer. */
export function walker({ object }: Fields): LocalCommand {
  return localCommand({
    type: "walker",
    input: z.object({
      walker: z.string("must name a function").min(1, "must name a function"),
      response: z.boolean("must be true or false").default(false),
      context: object.optional(),
    }),
    async run({ walker, response, context: input = {} }, { call, member, id }) {
      try {
        const result = await call(walker, input, "context");
        if (response) {
          member.outbox.send(JSON.stringify({ type: "walker", walker, ...walked(result) }));
        }
        return result;
      } catch (error) {
        if (!response) throw error;
        const fault = toProtocolError(error);
        member.outbox.send(JSON.stringify({ type: "walker", error: fault.message }));
        // That was the answer, unless one was asked for by id.
        if (id !== undefined) throw fault;
      }
    },
  });
}

/** What a walker's caller is answered. */
export function walked<T>(result: T): { status: 200; reports: T[]; returns: T[] } {
  return { status: 200, reports: [result], returns: [result] };
}
