import { ProtocolError } from "./errors.ts";

/** How many connections each address has, and may have. */
export class Addresses {
  readonly #counts = new Map<string, number>();

  constructor(readonly limit: number) {}

  /**
   * Counts one more.
   *
   * @throws {ProtocolError} `limit_exceeded` for one too many.
   */
  take(address: string): void {
    const count = this.#counts.get(address) ?? 0;
    if (count >= this.limit) {
      throw new ProtocolError(
        "limit_exceeded",
        `Your address has ${this.limit} connections already: close one first.`,
      );
    }
    this.#counts.set(address, count + 1);
  }

  /** Counts one less. */
  giveBack(address: string): void {
    const left = this.#counts.get(address)! - 1;
    if (left === 0) this.#counts.delete(address);
    else this.#counts.set(address, left);
  }
}
