import { type AliveRecord, keys } from "../store/keys.ts";
import type { Store } from "../store/store.ts";

export interface LifeOptions {
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly leaseMs: number;
  /** What others may know of this isolate. */
  readonly about: () => Omit<AliveRecord, "at" | "dead">;
}

/** What a beat has found. */
export interface Beat {
  /** Whether others have found this isolate dead. */
  readonly declaredDead: boolean;
  /** The next isolate in the order of names, if there is another. */
  readonly neighbour?: string;
  /** Whether the neighbour was not known before. */
  readonly met: boolean;
  /** Whether the neighbour is dead. */
  readonly dead: boolean;
}

/** Shares of a lease: how often an isolate says that it lives, and when its silence means death. */
const BEATS_PER_LEASE = 4;
const SILENT_BEATS = 2.5;

/**
 * That this isolate lives, and whether its neighbour does. Each watches only the next in the order
 * of names, which closes to a ring, so that a beat costs the same however many there are. A peer is
 * dead when its record has not changed for a while by the watcher's own clock: clocks need not agree.
 */
export class Life {
  /** How far apart the beats shall be, in milliseconds. */
  readonly beatMs: number;
  readonly #deadMs: number;
  #version: string | null = null;
  #neighbour: { readonly name: string; version: string; seenAt: number } | undefined;
  #lastBeatAt = -Infinity;

  constructor(readonly store: Store, readonly self: string, readonly options: LifeOptions) {
    this.beatMs = options.leaseMs / BEATS_PER_LEASE;
    this.#deadMs = this.beatMs * SILENT_BEATS;
  }

  /** Makes this isolate known. Only then may it join a room. */
  async begin(): Promise<void> {
    const result = await this.store.commit((atomic) => {
      atomic.set(keys.alive(this.self), this.#record());
    });
    this.#version = result.ok ? result.versionstamp : null;
  }

  /** Says that this isolate lives, and looks at its neighbour. */
  async beat(): Promise<Beat> {
    if (!await this.#renew()) return { declaredDead: true, met: false, dead: false };
    const now = this.options.now();
    const entry = await this.#next();
    // Who has not looked for a while, itself or for want of a store, cannot tell who was silent.
    const attentive = now - this.#lastBeatAt < 2 * this.beatMs;
    this.#lastBeatAt = now;
    if (!entry) {
      this.#neighbour = undefined;
      return { declaredDead: false, met: false, dead: false };
    }
    const name = String(entry.key[1]);
    const { versionstamp: version, value: { at, dead = false } } = entry;
    const known = this.#neighbour?.name === name ? this.#neighbour : undefined;
    if (!known) {
      // One that seems long silent has a beat to show that it only had nobody to beat for.
      const seenAt = Math.min(now, Math.max(at, now - this.#deadMs + 1.25 * this.beatMs));
      this.#neighbour = { name, version, seenAt };
    } else if (known.version !== version || !attentive) {
      known.version = version;
      known.seenAt = now;
    }
    return {
      declaredDead: false,
      neighbour: name,
      met: !known,
      dead: dead || now - this.#neighbour!.seenAt >= this.#deadMs,
    };
  }

  /** Those of `names` whose records are missing, or too old for one who has others to beat for. */
  async absent(names: readonly string[]): Promise<Set<string>> {
    const records = await this.store.getMany(names.map((name) => keys.alive(name)));
    const oldest = this.options.now() - this.options.leaseMs;
    return new Set(names.filter((_, i) => {
      const record = records[i]!.value as AliveRecord | null;
      return !record || record.dead || record.at < oldest;
    }));
  }

  #record(): AliveRecord {
    return { ...this.options.about(), at: this.options.now() };
  }

  async #renew(): Promise<boolean> {
    const key = keys.alive(this.self);
    while (true) {
      const result = await this.store.commit((atomic) => {
        atomic.check({ key, versionstamp: this.#version }).set(key, this.#record());
      });
      if (result.ok) {
        this.#version = result.versionstamp;
        return true;
      }
      // Found dead; or this is a commit's repetition, whose first answer was lost.
      const { value, versionstamp } = await this.store.get<AliveRecord>(key);
      if (!value || value.dead) return false;
      this.#version = versionstamp;
    }
  }

  async #next(): Promise<Deno.KvEntry<AliveRecord> | undefined> {
    const prefix = keys.peers();
    const start = keys.alive(`${this.self}\0`);
    const after = await this.store.list<AliveRecord>({ prefix, start }, { limit: 1 });
    if (after.length > 0) return after[0];
    const end = keys.alive(this.self);
    return (await this.store.list<AliveRecord>({ prefix, end }, { limit: 1 }))[0];
  }
}
