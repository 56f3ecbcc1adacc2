export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/**
 * Calls `send` with 0, 1, 2 … at an even `rate` a second for some seconds, whatever becomes of what
 * it sends; what timers are late for is made up for.
 *
 * @returns how many calls that were.
 */
export async function paced(
  rate: number,
  seconds: number,
  send: (i: number) => void,
): Promise<number> {
  const startedAt = performance.now();
  const count = rate * seconds;
  for (let i = 0; i < count; i++) {
    const early = startedAt + i / rate * 1000 - performance.now();
    if (early > 0) await pause(early);
    send(i);
  }
  return count;
}
