import { z } from "zod";
import type { Fields } from "../protocol/fields.ts";
import { type LocalCommand, localCommand } from "./command.ts";

/** Calls a function on the server; the ack is its answer. */
export function call({ object }: Fields): LocalCommand {
  return localCommand({
    type: "call",
    input: z.object({
      data: object.refine(({ type }) => typeof type === "string" && type !== "", {
        path: ["type"],
        message: "must name a function",
      }),
    }),
    async run({ data: { type, ...input } }, context) {
      return await context.call(type as string, input, "data");
    },
  });
}
