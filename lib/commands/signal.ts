import { z } from "zod";
import type { Fields } from "../protocol/fields.ts";
import { type LocalCommand, localCommand } from "./command.ts";

/** Passes on what is worthless a second later. Never stored, and left out where it would queue. */
export function signal({ type, json }: Fields): LocalCommand {
  return localCommand({
    type: "signal",
    urgent: true,
    input: z.object({ data: z.object({ event: type, data: json.optional() }) }),
    run({ data: { event, data = null } }, { member, room }) {
      const content = `"event":${JSON.stringify(event)},"data":${JSON.stringify(data)}`;
      const user = member.seat.profile.publicJson;
      const frame = `{"type":"signal","data":{${content},"user":${user}}}`;
      room.sendSignal(`signal:${event}`, frame, member.clientId);
    },
  });
}
