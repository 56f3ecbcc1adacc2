/** The message that tells how many have given each answer of a poll. */
export function pollMessage(
  type: "poll" | "ephemeralPoll",
  id: string,
  stats: ReadonlyMap<string, number>,
): string {
  // fromEntries defines members, so that an answer `__proto__` is one like any other.
  return JSON.stringify({ type, data: { id, stats: Object.fromEntries(stats) } });
}

/** The message that tells a value of a room's data, which is JSON text already; absent: `null`. */
export function dataMessage(key: string, text: string | undefined): string {
  return `{"event":${JSON.stringify(`data:set:${key}`)},"data":${text ?? "null"}}`;
}

/** The message that tells a counter's value, a decimal. */
export function counterMessage(id: string, value: string): string {
  return JSON.stringify({ type: "counter", data: { id, value } });
}
