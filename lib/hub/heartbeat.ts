import type { Member } from "./member.ts";

type Beating = Pick<Member, "clientId" | "outbox">;

const PERIOD_SECONDS = 25;

/**
 * Pings every connection each 25 seconds: spread over the seconds, by one timer for all of them,
 * and by none while there are none.
 */
export class Heartbeat {
  /** The connections of each second, by a hash of their ids. */
  readonly #slots = Array.from({ length: PERIOD_SECONDS }, () => new Set<Beating>());
  #size = 0;
  #second = 0;
  #timer: ReturnType<typeof setInterval> | undefined;

  /** @param now milliseconds since 1970. */
  constructor(readonly now: () => number) {}

  add(member: Beating): void {
    this.#slotOf(member).add(member);
    this.#size++;
    this.#timer ??= setInterval(() => this.#beat(), 1000);
  }

  delete(member: Beating): void {
    if (!this.#slotOf(member).delete(member)) return;
    this.#size--;
    if (this.#size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #slotOf({ clientId }: Beating): Set<Beating> {
    return this.#slots[parseInt(clientId.slice(0, 8), 16) % PERIOD_SECONDS]!;
  }

  #beat(): void {
    const frame = JSON.stringify({ type: "ping", data: this.now() });
    for (const { outbox } of this.#slots[this.#second++ % PERIOD_SECONDS]!) outbox.send(frame);
  }
}
