/** What {@linkcode RateLimit.take} says of one message. */
export type Verdict = "accepted" | "limited" | "abusive";

const MAX_DEBT_BURSTS = 5;

/**
 * A token bucket: `rate` messages a second, `burst` at once. A refused message costs a token too,
 * so a sender that goes on regardless runs into debt; past five bursts of it, it is `abusive`.
 */
export class RateLimit {
  #tokens: number;
  #refilledAt: number;

  /** @param now milliseconds; a clock that is set back only costs the time by which it was. */
  constructor(readonly rate: number, readonly burst: number, now: number) {
    this.#tokens = burst;
    this.#refilledAt = now;
  }

  take(now: number): Verdict {
    const refill = Math.max(0, now - this.#refilledAt) * this.rate / 1000;
    const tokens = Math.min(this.burst, this.#tokens + refill) - 1;
    // Whoever goes on for long is not shut out for longer than that.
    this.#tokens = Math.max(tokens, -MAX_DEBT_BURSTS * this.burst - 1);
    this.#refilledAt = now;
    if (this.#tokens >= 0) return "accepted";
    return this.#tokens > -MAX_DEBT_BURSTS * this.burst ? "limited" : "abusive";
  }
}
