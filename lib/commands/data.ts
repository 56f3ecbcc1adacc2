import { z } from "zod";
import type { Fields } from "../protocol/fields.ts";
import { type StoreCommand, storeCommand } from "./command.ts";

/** Sets a value of the room's data, and tells all who have asked for it; `null` deletes it. */
export function data({ id, value }: Fields): StoreCommand {
  return storeCommand({
    type: "data",
    admin: true,
    input: z.object({ data: z.object({ key: id, value }) }),
    handle({ data: { key, value } }) {
      const text = value === null ? undefined : JSON.stringify(value);
      return { data: { key, text }, reply: { key } };
    },
  });
}
