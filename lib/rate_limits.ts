import { RateLimit, type Verdict } from "./rate_limit.ts";

/** How many are remembered. Who has been forgotten begins with a full bucket. */
const MAX_REMEMBERED = 10_000;

/** A {@linkcode RateLimit} for each of many, by name. */
export class RateLimits {
  readonly #limits = new Map<string, RateLimit>();

  /** @param rate how many a second, and `burst` at once, for each. */
  constructor(readonly rate: number, readonly burst: number) {}

  /** @param now milliseconds. */
  take(name: string, now: number): Verdict {
    const limit = this.#limits.get(name) ?? new RateLimit(this.rate, this.burst, now);
    // Those that were here last are the last to be forgotten.
    this.#limits.delete(name);
    this.#limits.set(name, limit);
    if (this.#limits.size > MAX_REMEMBERED) {
      this.#limits.delete(this.#limits.keys().next().value!);
    }
    return limit.take(now);
  }
}
