/**
 * Handles of one store. Each handle of a KV server is a connection of its own, and the runtime lets
 * what is written to a connection wait for an acknowledgement of what went before, some 40 ms: so
 * calls that are under way at the same time go by different handles, and the watch has one alone.
 */
export class Pool {
  readonly #handles: { readonly kv: Deno.Kv; busy: number }[];

  private constructor(handles: readonly Deno.Kv[], readonly watcher: Deno.Kv) {
    this.#handles = handles.map((kv) => ({ kv, busy: 0 }));
  }

  /** Opens `size` handles, and one for the watch; of the runtime's own engine, one is enough. */
  static async open(location: string | undefined, size: number): Promise<Pool> {
    const first = await Deno.openKv(location);
    if (size === 1) return new Pool([first], first);
    const rest = await Promise.all(Array.from({ length: size }, () => Deno.openKv(location)));
    return new Pool(rest, first);
  }

  /** Makes a call by the least busy handle. */
  async use<T>(call: (kv: Deno.Kv) => Promise<T>): Promise<T> {
    let best = this.#handles[0]!;
    for (const handle of this.#handles) if (handle.busy < best.busy) best = handle;
    best.busy++;
    try {
      return await call(best.kv);
    } finally {
      best.busy--;
    }
  }

  close(): void {
    for (const kv of new Set([this.watcher, ...this.#handles.map(({ kv }) => kv)])) kv.close();
  }
}
