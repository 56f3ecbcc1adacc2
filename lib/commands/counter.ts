import { z } from "zod";
import { addToCounter } from "../committer/changes.ts";
import { formatDecimal, parseDecimal } from "../decimal.ts";
import type { Fields } from "../protocol/fields.ts";
import { type StoreCommand, storeCommand } from "./command.ts";

const VALUE_FAULT = 'must be a number, or a decimal as text such as "17.75"';

const value = z.union([z.number(), z.string().max(100)], VALUE_FAULT).transform(
  (given, context) => {
    const delta = parseDecimal(given);
    if (delta !== undefined) return delta;
    context.addIssue({ code: "custom", message: VALUE_FAULT });
    return z.NEVER;
  },
);

/** Adds to a counter: by default 1 to the counter `default`. */
export function counter({ id }: Fields): StoreCommand {
  const data = z.object({
    id: id.default("default"),
    value: value.default(1_000_000n),
  });
  return storeCommand({
    type: "counter",
    input: z.object({ data: data.prefault({}) }),
    needs: ({ data }) => [{ kind: "counter", counter: data.id, delta: data.value }],
    handle({ data: { id: counter, value: delta } }, view) {
      const reply = { id: counter, delta: formatDecimal(delta) };
      return { ...addToCounter(view, counter, delta), reply };
    },
  });
}
