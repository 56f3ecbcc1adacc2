/** Calls each of several; what one throws is reported, and keeps nothing from the others. */
export function callAll<Args extends unknown[]>(
  listeners: Iterable<(...args: Args) => void>,
  ...args: Args
): void {
  for (const listener of [...listeners]) {
    try {
      listener(...args);
    } catch (error) {
      // Where there is no page the console will do: Deno would end the process.
      if ("document" in globalThis) reportError(error);
      else console.error(error);
    }
  }
}

/** Listeners by name. */
export class Emitter<Args extends unknown[]> {
  readonly #listeners = new Map<string, Set<(...args: Args) => void>>();

  add(name: string, listener: (...args: Args) => void): void {
    const listeners = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, listeners.add(listener));
  }

  /** Removes one, or all of the name. */
  remove(name: string, listener?: (...args: Args) => void): void {
    if (listener) this.#listeners.get(name)?.delete(listener);
    else this.#listeners.delete(name);
  }

  emit(name: string, ...args: Args): void {
    callAll(this.#listeners.get(name) ?? [], ...args);
  }
}
