import { pause } from "./util.ts";

/** Waits until a condition holds, looking often; resolves to whether it came to hold in time. */
export async function until(condition: () => boolean, withinMs: number): Promise<boolean> {
  const endsAt = performance.now() + withinMs;
  while (!condition()) {
    if (performance.now() > endsAt) return false;
    await pause(20);
  }
  return true;
}
