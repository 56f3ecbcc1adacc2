import { z } from "zod";
import { type StoreCommand, storeCommand } from "./command.ts";

/** Sets the room's configuration, and tells everyone in it. */
export function config(): StoreCommand {
  return storeCommand({
    type: "config",
    admin: true,
    input: z.object({ data: z.string("must be text; JSON can be put into one") }),
    handle({ data }) {
      const message = JSON.stringify({ type: "config", data });
      return { config: data, event: { topic: "config", message } };
    },
  });
}
