import { z } from "zod";
import type { Fields } from "../protocol/fields.ts";
import { type LocalCommand, localCommand } from "./command.ts";

/** Answers with a `pong` of the same data. */
export function ping({ json }: Fields): LocalCommand {
  return localCommand({
    type: "ping",
    urgent: true,
    input: z.object({ data: json.optional() }),
    run({ data }, { member }) {
      member.outbox.send(JSON.stringify({ type: "pong", data }));
    },
  });
}
