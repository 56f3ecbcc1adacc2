import { Profile } from "../../hub/profile.ts";
import { keys, type SessionRecord } from "../../store/keys.ts";
import type { StoredSession } from "../change.ts";
import type { Cost } from "./cost.ts";
import type { Reads } from "./reads.ts";

/** What a batch reads and writes of a room's sessions, and the suffixes it gives to new ones. */
export class StagedSessions {
  readonly #known = new Map<string, StoredSession>();
  readonly #written = new Map<string, { readonly suffix: number; readonly properties: string }>();
  #suffix: { next: number; readonly version: string | null; given: boolean } | undefined;

  constructor(readonly room: string, readonly cost: Cost) {}

  plan(reads: Reads, session: string): void {
    reads.want(keys.session(this.room, session), ({ value }) => {
      const record = value as SessionRecord | null;
      if (!record) return;
      const profile = new Profile(record.suffix, JSON.parse(record.properties));
      this.#known.set(session, { profile, at: record.at });
    });
    reads.want(keys.nextSuffix(this.room), ({ value, versionstamp }) => {
      const next = (value as number | null) ?? 1;
      this.#suffix = { next, version: versionstamp, given: false };
    });
  }

  get(session: string): StoredSession | undefined {
    return this.#known.get(session);
  }

  /** The suffix that {@linkcode StagedSessions.write} gives away with a new session. */
  get nextSuffix(): number {
    return this.#suffix!.next;
  }

  write(session: string, profile: Profile, at: number): void {
    if (this.#suffix?.next === profile.suffix && !this.#known.has(session)) {
      this.#suffix.next++;
      this.#suffix.given = true;
      this.cost.spend(1, 1, 0);
    }
    this.#known.set(session, { profile, at });
    const properties = JSON.stringify(profile.properties);
    this.#written.set(session, { suffix: profile.suffix, properties });
    this.cost.spend(0, 1, properties.length);
  }

  fill(atomic: Deno.AtomicOperation, at: number, expireIn: number): void {
    if (this.#suffix?.given) {
      const key = keys.nextSuffix(this.room);
      atomic.check({ key, versionstamp: this.#suffix.version }).set(key, this.#suffix.next);
    }
    for (const [session, { suffix, properties }] of this.#written) {
      const record: SessionRecord = { suffix, properties, at };
      atomic.set(keys.session(this.room, session), record, { expireIn });
    }
  }
}
