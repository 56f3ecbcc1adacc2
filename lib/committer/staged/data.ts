import { keys } from "../../store/keys.ts";
import { deleteText, pieceCount, setText } from "../../store/text.ts";
import type { Cost } from "./cost.ts";
import type { Reads } from "./reads.ts";

/** How many pieces a value can lie in: it has come in one message. */
const MAX_PIECES = 5;

/** Room data that a batch sets, and that its jobs have read and count on. */
export class StagedData {
  /** What the commit checks: the versions as read. */
  readonly #versions = new Map<string, string | null>();
  readonly #written = new Map<string, string | undefined>();

  constructor(readonly room: string, readonly cost: Cost) {}

  plan(reads: Reads, key: string): void {
    reads.want(keys.data(this.room, key), ({ versionstamp }) => {
      this.#versions.set(key, versionstamp);
      this.cost.spend(1, 0, 0);
    });
  }

  /** Whether a key that was needed still is as it was at `version`, with what is staged. */
  isAt(key: string, version: string | null): boolean {
    return this.#versions.get(key) === version && !this.#written.has(key);
  }

  /** @param text the value as JSON; absent: there is none any more. */
  set(key: string, text: string | undefined): void {
    this.#written.set(key, text);
    this.cost.spend(0, text === undefined ? MAX_PIECES : pieceCount(text), text?.length ?? 0);
  }

  fill(atomic: Deno.AtomicOperation): void {
    for (const [key, versionstamp] of this.#versions) {
      atomic.check({ key: keys.data(this.room, key), versionstamp });
    }
    for (const [key, text] of this.#written) {
      const storeKey = keys.data(this.room, key);
      if (text === undefined) deleteText(atomic, storeKey, MAX_PIECES);
      else setText(atomic, storeKey, { fields: {}, text });
    }
  }

  /** The keys that have been set. */
  touched(): string[] {
    return [...this.#written.keys()];
  }
}
