import { z } from "zod";
import { Profile } from "../hub/profile.ts";
import type { Fields } from "../protocol/fields.ts";
import { type StoreCommand, storeCommand } from "./command.ts";

/** Replaces the session's properties; the answer is its new profile. */
export function login({ properties }: Fields): StoreCommand {
  return storeCommand({
    type: "login",
    input: z.object({ data: properties }),
    handle({ data }, view, { seat }) {
      const profile = new Profile(view.profile(seat).suffix, data);
      const { suffix } = profile;
      return {
        profile: { session: seat.session, seat, profile },
        reply: { suffix, properties: data },
      };
    },
  });
}
