import { deadline } from "./deadline.ts";

/** Where the store is, and how it is dealt with; without `path` and `url`, the runtime's own place. */
export interface StoreOptions {
  /** A file, or `:memory:`. */
  readonly path?: string;
  /** The URL of a KV Connect server, in place of `path`. */
  readonly url?: string;
  /** How long one call may take, in milliseconds. */
  readonly timeoutMs: number;
  /** Told when the store goes away, and why, and when it is back. */
  readonly report?: (event: "away" | "back", error?: unknown) => void;
  /** Whether the engine is the runtime's own, in this process, and not a server's. */
  readonly embedded: boolean;
}

/** How often an absent store is tried again, at first and later, and how many tries may hang. */
const FIRST_PROBE_MS = 100;
const LAST_PROBE_MS = 2000;
const MAX_PROBES = 20;
/** How often a locked database is tried again, and how long at most between, in milliseconds. */
const LOCKED_ATTEMPTS = 60;
const LOCKED_PAUSE_MS = 20;

/** What a commit shall hold. It may be asked for again, so it changes nothing else. */
export type Fill = (atomic: Deno.AtomicOperation) => void;

/**
 * The key-value store, with a deadline around every call, since the runtime retries for ever
 * against a server that is away. A call that misses its deadline, or fails, puts the store
 * {@linkcode Store.away}; while it is, it is probed for its return.
 */
export class Store {
  /** Calls since the start, for `/stats` and for the promise that idle rooms make none. */
  readonly calls = { reads: 0, commits: 0 };
  readonly #kv: Deno.Kv;
  readonly #timeoutMs: number;
  readonly #report: NonNullable<StoreOptions["report"]>;
  #return: PromiseWithResolvers<void> | undefined;
  #probeTimer: ReturnType<typeof setTimeout> | undefined;
  #probes = 0;
  #closed = false;

  private constructor(
    kv: Deno.Kv,
    { timeoutMs, report = () => {} }: StoreOptions,
    /** How many checks one commit may have. */
    readonly maxChecks: number,
    /**
     * How many commits are worth having in flight. The embedded engine makes one after the other,
     * so most gather behind one; a server far away does several at a time.
     */
    readonly lanes: number,
    /** Whether the engine is the runtime's own. */
    readonly embedded: boolean,
  ) {
    this.#kv = kv;
    this.#timeoutMs = timeoutMs;
    this.#report = report;
  }

  /** Opens the store; rejects when a server does not answer in time. */
  static async open(options: StoreOptions): Promise<Store> {
    const { path, url, timeoutMs, embedded } = options;
    const kv = await deadline(Deno.openKv(url ?? path), timeoutMs);
    return embedded ? new Store(kv, options, 90, 1, true) : new Store(kv, options, 10, 16, false);
  }

  /** Whether the last call failed to reach the store. */
  get away(): boolean {
    return this.#return !== undefined;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Resolves when the store answers: at once, unless it is {@linkcode Store.away}; once closed, never. */
  whenBack(): Promise<void> {
    if (this.#closed) return new Promise(() => {});
    return this.#return?.promise ?? Promise.resolve();
  }

  get<T>(key: Deno.KvKey): Promise<Deno.KvEntryMaybe<T>> {
    return this.#read(() => this.#kv.get<T>(key));
  }

  /** Reads `keys` in order. One call for every ten of them, which is what the engines take. */
  async getMany(keys: readonly Deno.KvKey[]): Promise<Deno.KvEntryMaybe<unknown>[]> {
    const calls: Promise<Deno.KvEntryMaybe<unknown>[]>[] = [];
    for (let i = 0; i < keys.length; i += 10) {
      const some = keys.slice(i, i + 10);
      calls.push(this.#read(() => this.#kv.getMany<unknown[]>(some)));
    }
    return (await Promise.all(calls)).flat();
  }

  /** The entries of `selector` in key order, at most `limit`. */
  list<T>(
    selector: Deno.KvListSelector,
    options: { limit: number },
  ): Promise<Deno.KvEntry<T>[]> {
    const batchSize = Math.min(500, options.limit);
    return this.#read(() => Array.fromAsync(this.#kv.list<T>(selector, { ...options, batchSize })));
  }

  /**
   * Commits what `fill` puts in, again while another isolate of this process holds the file. A
   * rejection leaves it unknown whether it was applied.
   */
  async commit(fill: Fill): Promise<Deno.KvCommitResult | Deno.KvCommitError> {
    this.calls.commits++;
    for (let attempt = 1;; attempt++) {
      const atomic = this.#kv.atomic();
      fill(atomic);
      try {
        return await this.#guard(atomic.commit());
      } catch (error) {
        if (!isContention(error) || attempt === LOCKED_ATTEMPTS) throw error;
        const pause = Math.random() * Math.min(LOCKED_PAUSE_MS, attempt);
        await new Promise((resolve) => setTimeout(resolve, pause));
      }
    }
  }

  /** Tells the newest value of `key`: at first, and when it has changed. Not each in between. */
  watch(key: Deno.KvKey): ReadableStreamDefaultReader<[Deno.KvEntryMaybe<unknown>]> {
    return this.#kv.watch<[unknown]>([key]).getReader();
  }

  /** Whether the store answers now. */
  async answers(): Promise<boolean> {
    if (this.away) return false;
    return await this.get(["probe"]).then(() => true, () => false);
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#probeTimer);
    this.#return?.resolve();
    this.#kv.close();
  }

  #read<T>(call: () => Promise<T>): Promise<T> {
    this.calls.reads++;
    return this.#guard(call());
  }

  async #guard<T>(call: Promise<T>): Promise<T> {
    try {
      return await deadline(call, this.#timeoutMs);
    } catch (error) {
      if (!isContention(error)) this.#leave(error);
      throw error;
    }
  }

  #leave(error: unknown): void {
    if (this.#return || this.#closed) return;
    this.#report("away", error);
    this.#return = Promise.withResolvers();
    this.#probe(FIRST_PROBE_MS);
  }

  /** Asks again and again, since the runtime tries one that was asked early ever more rarely. */
  #probe(pause: number): void {
    if (this.#probes < MAX_PROBES) {
      this.#probes++;
      this.#kv.get(["probe"]).then(() => this.#comeBack(), () => {}).finally(() => this.#probes--);
    }
    const next = Math.min(pause * 2, LAST_PROBE_MS);
    this.#probeTimer = setTimeout(() => this.#probe(next), pause);
  }

  #comeBack(): void {
    if (!this.#return || this.#closed) return;
    clearTimeout(this.#probeTimer);
    this.#return.resolve();
    this.#return = undefined;
    this.#report("back");
  }
}

/** Whether `error` is the embedded engine's way to say that another isolate is writing just now. */
function isContention(error: unknown): boolean {
  return error instanceof Error && error.message.includes("database is locked");
}
