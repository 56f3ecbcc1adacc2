import { ProtocolError } from "../lib/errors.ts";
import type { AppContext } from "./errors.ts";

/**
 * A whole number in a request's query; `undefined` where there is none.
 *
 * @param digits how many it may be written in.
 * @throws {ProtocolError} `invalid_message` for anything else than a number from `min` to `max`.
 */
export function wholeNumber(
  context: AppContext,
  name: string,
  { min, max, digits = 16 }: { min: number; max: number; digits?: number },
): number | undefined {
  const text = context.req.query(name);
  if (text === undefined || text === "") return undefined;
  const value = /^\d+$/.test(text) && text.length <= digits ? Number(text) : NaN;
  if (value >= min && value <= max) return value;
  throw new ProtocolError(
    "invalid_message",
    `${name}: must be a whole number from ${min} to ${max}.`,
    name,
  );
}
