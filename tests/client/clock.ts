type Handler = () => void;

/** Takes hold of some of the waits that are begun: they end when the test says so. */
export class Clock implements Disposable {
  /** All waits that have been begun, in milliseconds. */
  readonly begun: number[] = [];
  readonly #held = new Map<number, Handler>();
  readonly #real = { setTimeout, clearTimeout };
  #serial = -1;

  /** @param ms how long the waits are that are held. */
  constructor(ms?: number) {
    const { setTimeout, clearTimeout } = this.#real;
    const begin = (handler: Handler, wait = 0, ...args: []): unknown => {
      this.begun.push(wait);
      if (wait !== ms) return setTimeout(handler, wait, ...args);
      this.#held.set(--this.#serial, handler);
      return this.#serial;
    };
    const end = (id?: number): void => {
      if (id === undefined || !this.#held.delete(id)) clearTimeout(id);
    };
    Object.assign(globalThis, { setTimeout: begin, clearTimeout: end });
  }

  /** Ends the waits that are held. */
  pass(): void {
    const handlers = [...this.#held.values()];
    this.#held.clear();
    for (const handler of handlers) handler();
  }

  [Symbol.dispose](): void {
    Object.assign(globalThis, this.#real);
  }
}
