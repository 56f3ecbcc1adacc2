/** Any value that JSON can say. */
export type Json = string | number | boolean | null | Json[] | { [key: string]: Json };

/** Whether `value` is an object in JSON's sense: neither `null` nor an array. */
export function isJsonObject(value: unknown): value is { [key: string]: Json } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * Whether `value` nests arrays and objects no deeper than `limit`. Checked at the edge because
 * what is stored is read again by others, whose parsers may recurse.
 */
export function isWithinDepth(value: unknown, limit: number): boolean {
  if (typeof value !== "object" || value === null) return true;
  if (limit === 0) return false;
  return Object.values(value).every((item) => isWithinDepth(item, limit - 1));
}

const encoder = new TextEncoder();
const scratch = new Uint8Array(4096);

/** Whether `text` takes at most `limit` bytes as UTF-8. */
export function fitsBytes(text: string, limit: number): boolean {
  if (text.length * 3 <= limit) return true;
  if (text.length > limit) return false;
  if (limit > scratch.length) return encoder.encode(text).length <= limit;
  const { read } = encoder.encodeInto(text, scratch.subarray(0, limit));
  return read === text.length;
}
