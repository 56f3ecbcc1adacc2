import { z } from "zod";
import type { Fields } from "../protocol/fields.ts";
import { type LocalCommand, localCommand } from "./command.ts";

/** Ends a subscription; an event's bare name ends all those to single things of that kind, too. */
export function unsubscribe({ topic }: Fields): LocalCommand {
  return localCommand({
    type: "unsubscribe",
    input: z.object({ data: topic }),
    run({ data }, { member, room }) {
      room.unsubscribe(member, data);
    },
  });
}
