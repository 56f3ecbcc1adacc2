import { COUNTER_LIMIT } from "../../decimal.ts";
import { fromSum, keys } from "../../store/keys.ts";
import type { Cost } from "./cost.ts";
import type { Reads } from "./reads.ts";

/**
 * Counters are sums to which all isolates add without a conflict, so nobody's commit can check
 * the range for everybody. Where it cannot matter, nothing is checked: for a delta of at most this
 * and a counter seen within the last second in the inner half of its range. From there it takes
 * thousands of such deltas in a second to leave the range. Otherwise the commit checks that the
 * counter still is as read.
 */
const SMALL_DELTA = COUNTER_LIMIT / 10_000n;
const INNER_RANGE = COUNTER_LIMIT / 2n;
const FRESH_MS = 1000;
const MAX_SEEN = 1000;

/** Values as last read, with what has been added here since; in millionths. */
export type SeenCounters = Map<string, { readonly value: bigint; readonly at: number }>;

interface StagedCounter {
  readonly base: bigint;
  readonly seenAt: number;
  delta: bigint;
  /** Whether anything is added, be it 0: that makes a counter, too. */
  added: boolean;
  /** Set: the commit checks it. */
  readonly version?: string | null;
}

/** What a batch adds to a room's counters. */
export class StagedCounters {
  readonly #staged = new Map<string, StagedCounter>();
  readonly #risky = new Set<string>();

  constructor(
    readonly room: string,
    readonly seen: SeenCounters,
    readonly cost: Cost,
    readonly now: number,
  ) {}

  plan(reads: Reads, id: string, delta: bigint): void {
    if (magnitude(delta) > SMALL_DELTA) this.#risky.add(id);
    const seen = this.seen.get(id);
    const fresh = seen !== undefined && this.now - seen.at < FRESH_MS;
    if (fresh && magnitude(seen.value) <= INNER_RANGE && !this.#risky.has(id)) return;
    const key = keys.counter(this.room, id);
    reads.want(key, ({ value, versionstamp }) => {
      const base = fromSum(value as Deno.KvU64 | null);
      const guarded = this.#risky.has(id) || magnitude(base) > INNER_RANGE;
      const version = guarded ? versionstamp : undefined;
      this.#staged.set(id, { base, seenAt: this.now, delta: 0n, added: false, version });
    });
  }

  /** The value with what is staged. */
  value(id: string): bigint {
    const { base, delta } = this.#stagedOrSeen(id);
    return base + delta;
  }

  add(id: string, delta: bigint): void {
    const staged = this.#stagedOrSeen(id);
    staged.delta += delta;
    staged.added = true;
    this.#staged.set(id, staged);
    this.cost.spend(staged.version === undefined ? 0 : 1, 1, 0);
  }

  fill(atomic: Deno.AtomicOperation): void {
    for (const [id, { delta, added, version }] of this.#staged) {
      if (!added) continue;
      const key = keys.counter(this.room, id);
      if (version !== undefined) atomic.check({ key, versionstamp: version });
      atomic.sum(key, BigInt.asUintN(64, delta));
    }
  }

  committed(): void {
    if (this.seen.size > MAX_SEEN) this.seen.clear();
    for (const [id, { base, delta, seenAt }] of this.#staged) {
      this.seen.set(id, { value: base + delta, at: seenAt });
    }
  }

  /** The ids of the counters that have been added to. */
  touched(): string[] {
    return [...this.#staged].filter(([, { added }]) => added).map(([id]) => id);
  }

  #stagedOrSeen(id: string): StagedCounter {
    const staged = this.#staged.get(id);
    if (staged) return staged;
    const { value, at } = this.seen.get(id)!;
    return { base: value, seenAt: at, delta: 0n, added: false };
  }
}

function magnitude(value: bigint): bigint {
  return value < 0n ? -value : value;
}
