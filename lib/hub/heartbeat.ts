import type { Outbox } from "./outbox.ts";

const PERIOD_SECONDS = 25;

/**
 * Pings every connection each 25 seconds: spread over the seconds, by one timer for all of them,
 * and by none while there are none.
 */
export class Heartbeat {
  readonly #slots = Array.from({ length: PERIOD_SECONDS }, () => new Set<Outbox>());
  #next = 0;
  #size = 0;
  #second = 0;
  #timer: ReturnType<typeof setInterval> | undefined;

  /** @param now milliseconds since 1970. */
  constructor(readonly now: () => number) {}

  /** Starts to ping; the function returned ends it. */
  add(outbox: Outbox): () => void {
    const slot = this.#slots[this.#next++ % PERIOD_SECONDS]!;
    slot.add(outbox);
    this.#size++;
    this.#timer ??= setInterval(() => this.#beat(), 1000);
    return () => {
      if (!slot.delete(outbox)) return;
      this.#size--;
      if (this.#size > 0) return;
      clearInterval(this.#timer);
      this.#timer = undefined;
    };
  }

  #beat(): void {
    const frame = JSON.stringify({ type: "ping", data: this.now() });
    for (const outbox of this.#slots[this.#second++ % PERIOD_SECONDS]!) outbox.send(frame);
  }
}
