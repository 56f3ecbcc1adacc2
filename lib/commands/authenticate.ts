import { z } from "zod";
import { profileMessage } from "../hub/greeting.ts";
import { CloseReasons } from "../protocol/close_codes.ts";
import { type LocalCommand, localCommand } from "./command.ts";

/** Makes the connection an admin's, by a signature of the room's name and the time. */
export function authenticate(): LocalCommand {
  const timestamp = z.union(
    [z.number(), z.string().regex(/^\d{1,16}$/)],
    "must be the time in milliseconds since 1970",
  );
  return localCommand({
    type: "authenticate",
    input: z.object({
      data: z.object({
        ts: timestamp.transform(String),
        key: z.string("must be the signature, as hexadecimal text").max(256),
      }),
    }),
    run({ data: { ts, key } }, { member, room, now, admin, close }) {
      try {
        admin.verify(room.name, ts, key, now);
      } finally {
        // The close comes after the error that tells why.
        if (admin.exhausted) queueMicrotask(() => close(CloseReasons.unauthenticated));
      }
      member.role = "admin";
      member.outbox.send(profileMessage(member));
      return { role: member.role };
    },
  });
}
