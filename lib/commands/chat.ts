import { z } from "zod";
import type { Fields } from "../protocol/fields.ts";
import { type StoreCommand, storeCommand } from "./command.ts";

/** Says something to all who have subscribed to `chat`. */
export function chat({ json }: Fields): StoreCommand {
  return storeCommand({
    type: "chat",
    input: z.object({ data: json }),
    handle({ data }, view, { seat }) {
      const user = view.profile(seat).publicJson;
      const message = `{"type":"chat","data":{"message":${JSON.stringify(data)},"user":${user}}}`;
      return { event: { topic: "chat", message } };
    },
  });
}
