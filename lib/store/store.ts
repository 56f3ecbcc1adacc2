import { pause } from "../pause.ts";
import { deadline } from "./deadline.ts";
import { Pool } from "./pool.ts";
import { type Fill, requestSize } from "./request_size.ts";

export type { Fill };

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
/** How many calls to a KV server may be under way without waiting for each other. */
const HANDLES = 8;
/** How long after a failure a call is made again, in milliseconds. */
const RETRY_MS = 50;
/** What the runtime sends to a server in one piece. */
const ONE_WRITE_BYTES = 1000;
/** How often a locked database is tried again, and how long at most between, in milliseconds. */
const LOCKED_ATTEMPTS = 60;
const LOCKED_PAUSE_MS = 20;

/**
 * The key-value store, with a deadline around every call, since the runtime retries for ever
 * against a server that is away. A call that misses its deadline, or fails, puts the store
 * {@linkcode Store.away}; while it is, it is probed for its return.
 */
export class Store {
  /** Calls since the start, for `/stats` and for the promise that idle rooms make none. */
  readonly calls = { reads: 0, commits: 0 };
  readonly #pool: Pool;
  readonly #timeoutMs: number;
  /** Whether a server of one's own holds the store. */
  readonly #distant: boolean;
  readonly #report: NonNullable<StoreOptions["report"]>;
  #return: PromiseWithResolvers<void> | undefined;
  #probeTimer: ReturnType<typeof setTimeout> | undefined;
  #probes = 0;
  #closed = false;

  private constructor(
    pool: Pool,
    { url, timeoutMs, report = () => {} }: StoreOptions,
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
    this.#pool = pool;
    this.#distant = url !== undefined;
    this.#timeoutMs = timeoutMs;
    this.#report = report;
  }

  /** Opens the store; rejects when a server does not answer in time. */
  static async open(options: StoreOptions): Promise<Store> {
    const { path, url, timeoutMs, embedded } = options;
    const pool = await deadline(Pool.open(url ?? path, embedded ? 1 : HANDLES), timeoutMs);
    return embedded
      ? new Store(pool, options, 90, 1, true)
      : new Store(pool, options, 10, 16, false);
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

  /** Resolves when what has failed is worth another try: after a moment, once the store answers. */
  async retry(): Promise<void> {
    await pause(RETRY_MS);
    await this.whenBack();
  }

  get<T>(key: Deno.KvKey): Promise<Deno.KvEntryMaybe<T>> {
    return this.#read((kv) => kv.get<T>(key));
  }

  /** Reads `keys` in order. One call for every ten of them, which is what the engines take. */
  async getMany(keys: readonly Deno.KvKey[]): Promise<Deno.KvEntryMaybe<unknown>[]> {
    const calls: Promise<Deno.KvEntryMaybe<unknown>[]>[] = [];
    for (let i = 0; i < keys.length; i += 10) {
      const some = keys.slice(i, i + 10);
      calls.push(this.#read((kv) => kv.getMany<unknown[]>(some)));
    }
    return (await Promise.all(calls)).flat();
  }

  /** The entries of `selector` in key order, or with `reverse` the other way, at most `limit`. */
  list<T>(
    selector: Deno.KvListSelector,
    options: { limit: number; reverse?: boolean },
  ): Promise<Deno.KvEntry<T>[]> {
    const batchSize = Math.min(500, options.limit);
    return this.#read((kv) => Array.fromAsync(kv.list<T>(selector, { ...options, batchSize })));
  }

  /**
   * Commits what `fill` puts in, again while another isolate of this process holds the file. A
   * rejection leaves it unknown whether it was applied.
   */
  async commit(fill: Fill): Promise<Deno.KvCommitResult | Deno.KvCommitError> {
    this.calls.commits++;
    for (let attempt = 1;; attempt++) {
      try {
        return await this.#guard(this.#pool.use((kv) => {
          const atomic = kv.atomic();
          fill(atomic);
          if (this.#distant && requestSize(fill) > ONE_WRITE_BYTES) this.#hasten(kv);
          return atomic.commit();
        }));
      } catch (error) {
        if (!isContention(error) || attempt === LOCKED_ATTEMPTS) throw error;
        await pause(Math.random() * Math.min(LOCKED_PAUSE_MS, attempt));
      }
    }
  }

  /**
   * Makes a commit that follows at once arrive at once. The runtime writes one of more than a
   * kibibyte in two pieces, of which the second waits until the first is acknowledged, for which the
   * server takes its time, some 40 ms (Nagle's algorithm against delayed acknowledgements). The
   * answer to a question before it carries that acknowledgement.
   */
  #hasten(kv: Deno.Kv): void {
    this.calls.reads++;
    kv.get(["probe"]).catch(() => {});
  }

  /** Tells the newest value of `key`: at first, and when it has changed. Not each in between. */
  watch(key: Deno.KvKey): ReadableStreamDefaultReader<[Deno.KvEntryMaybe<unknown>]> {
    return this.#pool.watcher.watch<[unknown]>([key]).getReader();
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
    this.#pool.close();
  }

  #read<T>(call: (kv: Deno.Kv) => Promise<T>): Promise<T> {
    this.calls.reads++;
    return this.#guard(this.#pool.use(call));
  }

  async #guard<T>(call: Promise<T>): Promise<T> {
    try {
      return await deadline(call, this.#timeoutMs);
    } catch (error) {
      if (!isContention(error) && !isTooLarge(error)) this.#leave(error);
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
  #probe(pauseMs: number): void {
    if (this.#probes < MAX_PROBES) {
      this.#probes++;
      this.#pool.use((kv) => kv.get(["probe"])).then(() => this.#comeBack(), () => {}).finally(() =>
        this.#probes--
      );
    }
    const next = Math.min(pauseMs * 2, LAST_PROBE_MS);
    this.#probeTimer = setTimeout(() => this.#probe(next), pauseMs);
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

/** Whether `error` says that a key, a value or a commit is larger than the store takes. */
function isTooLarge(error: unknown): boolean {
  return error instanceof TypeError && /too (large|many)/i.test(error.message);
}
