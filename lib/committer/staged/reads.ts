import type { Store } from "../../store/store.ts";

type Take = (entry: Deno.KvEntryMaybe<unknown>) => void;

/** Keys to be read together before a batch is decided, each once, and what to do with each. */
export class Reads {
  readonly #wanted = new Map<string, { key: Deno.KvKey; take: Take }>();

  get size(): number {
    return this.#wanted.size;
  }

  want(key: Deno.KvKey, take: Take): void {
    this.#wanted.set(JSON.stringify(key), { key, take });
  }

  async run(store: Store): Promise<void> {
    const wanted = [...this.#wanted.values()];
    const entries = await store.getMany(wanted.map(({ key }) => key));
    entries.forEach((entry, i) => wanted[i]!.take(entry));
  }
}
