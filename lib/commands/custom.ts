import { z } from "zod";
import type { Fields } from "../protocol/fields.ts";
import { type StoreCommand, storeCommand } from "./command.ts";

/**
 * A message of a type that the server does not know: it changes nothing, and reaches the admins
 * that relay it, as every message does.
 */
export function custom({ json }: Fields): StoreCommand {
  return storeCommand({
    type: "*",
    input: z.object({ data: json.optional() }),
    handle: () => ({}),
  });
}
