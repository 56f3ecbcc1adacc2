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
  #endPause: (() => void) | undefined;
  #closed = false;

  constructor(readonly store: Store, readonly owner: string, readonly onRing: () => void) {
    this.#listen();
  }

  /** Opens the watch anew, which seems to have fallen silent. */
  reopen(): void {
    this.#cancel();
  }

  close(): void {
    this.#closed = true;
    this.#endPause?.();
    this.#cancel();
  }

  /** Waits a moment, unless the bell is closed. */
  #pause(): Promise<void> {
    return new Promise((resolve) => {
      this.#endPause = () => {
        clearTimeout(timer);
        resolve();
      };
      const timer = setTimeout(resolve, this.#closed ? 0 : REOPEN_MS);
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
