import { keys } from "../store/keys.ts";
import type { Fill, Store } from "../store/store.ts";
import { pause } from "../pause.ts";

/** What is known of a commit whose answer has come. */
export type CommitOutcome =
  | { readonly applied: true; readonly versionstamp: string }
  /** One of its checks failed. */
  | { readonly applied: false };

/** Thrown for a commit of which it is unknown whether it was applied, or still will be. */
export class UnsettledCommit extends Error {
  override name = "UnsettledCommit";
  constructor(readonly number: number, readonly base: string | null, cause: unknown) {
    super("It is unknown whether the commit was applied", { cause });
  }
}

/** How long a fence outlives its last commit: longer than any retry of the runtime's. */
const FENCE_MS = 7 * 86_400_000;
/** How long a store that still does not answer is left alone, in milliseconds. */
const SETTLE_PAUSE_MS = 100;

/**
 * Makes each of a committer's commits happen at most once, though the runtime repeats a commit
 * whose answer was lost. All of them write one key, and each checks that it still is as the one
 * before left it: a repetition fails that check, and the key's value tells whose commit was last.
 * Unlike a key for each commit it leaves nothing behind and needs no time to live that a long
 * outage could outlast.
 */
export class Fence {
  readonly #key: Deno.KvKey;
  #version: string | null = null;
  #number = 0;

  /** @param name unique to one committer of one life of one isolate. */
  constructor(readonly store: Store, name: string) {
    this.#key = keys.fence(name);
  }

  /**
   * Commits what `fill` puts in. One at a time.
   *
   * @throws {UnsettledCommit} when there was no answer; {@linkcode Fence.settle} finds out.
   */
  async commit(fill: Fill): Promise<CommitOutcome> {
    const number = ++this.#number;
    const base = this.#version;
    try {
      const result = await this.#attempt(number, base, fill);
      if (result.ok) {
        this.#version = result.versionstamp;
        return { applied: true, versionstamp: result.versionstamp };
      }
      return await this.#look(number);
    } catch (error) {
      throw new UnsettledCommit(number, base, error);
    }
  }

  /**
   * Finds out what became of a commit, and if it has not been applied, makes sure that it never
   * will be. Goes on until the store has answered.
   */
  async settle({ number, base }: UnsettledCommit): Promise<CommitOutcome> {
    while (!this.store.closed) {
      await this.store.whenBack();
      try {
        const found = await this.#look(number);
        if (found.applied || this.#version !== base) return found;
        // The commit may still be on its way: take from it the state that it checks for.
        const result = await this.#attempt(++this.#number, base, () => {});
        if (!result.ok) continue;
        this.#version = result.versionstamp;
        return { applied: false };
      } catch {
        // The store went away again, or reads but does not write: another round tells.
        await pause(SETTLE_PAUSE_MS);
      }
    }
    return { applied: false };
  }

  #attempt(
    number: number,
    base: string | null,
    fill: Fill,
  ): Promise<Deno.KvCommitResult | Deno.KvCommitError> {
    return this.store.commit((atomic) => {
      atomic.check({ key: this.#key, versionstamp: base })
        .set(this.#key, number, { expireIn: FENCE_MS });
      fill(atomic);
    });
  }

  async #look(number: number): Promise<CommitOutcome> {
    const { value, versionstamp } = await this.store.get<number>(this.#key);
    this.#version = versionstamp;
    return value === number && versionstamp !== null
      ? { applied: true, versionstamp }
      : { applied: false };
  }
}
