import { keys } from "../store/keys.ts";
import type { Store } from "../store/store.ts";

/** How soon a watch that has broken off is opened again, in milliseconds. */
const REOPEN_MS = 200;

/**
 * Listens for an isolate's bell: the one watch that it has open. A watch may break off, which is
 * mended, or fall silent, which nobody tells; so it can be opened anew.
 */
export class Bell {
  #reader: ReadableStreamDefaultReader<[Deno.KvEntryMaybe<unknown>]> | undefined;
  #heard: string | null = null;
  readonly #pauses = new Set<() => void>();
  #closed = false;

  constructor(readonly store: Store, readonly owner: string, readonly onRing: () => void) {
    this.#listen();
  }

  /** Rings where the bell has been rung unheard, and opens a watch that has heard nothing anew. */
  async check(): Promise<void> {
    const { versionstamp } = await this.store.get(keys.bell(this.owner));
    if (versionstamp === this.#heard || this.#closed) return;
    // It may be on its way.
    await this.#pause();
    if (this.#closed || (this.#heard ?? "") >= (versionstamp ?? "")) return;
    this.onRing();
    this.#cancel();
  }

  close(): void {
    this.#closed = true;
    for (const end of this.#pauses) end();
    this.#cancel();
  }

  /** Waits a moment, unless the bell is closed. */
  #pause(): Promise<void> {
    return new Promise((resolve) => {
      const end = (): void => {
        clearTimeout(timer);
        this.#pauses.delete(end);
        resolve();
      };
      const timer = setTimeout(end, this.#closed ? 0 : REOPEN_MS);
      this.#pauses.add(end);
    });
  }

  #cancel(): void {
    this.#reader?.cancel().catch(() => {});
  }

  async #listen(): Promise<void> {
    while (!this.#closed) {
      try {
        this.#reader = this.store.watch(keys.bell(this.owner));
        await this.#hear(this.#reader);
      } catch {
        // Broken off: opened again below.
      }
      await this.#pause();
    }
  }

  async #hear(reader: ReadableStreamDefaultReader<[Deno.KvEntryMaybe<unknown>]>): Promise<void> {
    while (true) {
      const { done, value } = await reader.read();
      if (done) return;
      const [{ versionstamp }] = value;
      if (versionstamp === null || versionstamp === this.#heard) continue;
      this.#heard = versionstamp;
      this.onRing();
    }
  }
}
