import { isRemembered, type OnceRecord, REMEMBERED_MS } from "../../store/keys.ts";
import type { Cost } from "./cost.ts";
import type { Reads } from "./reads.ts";

interface StagedAck {
  readonly key: Deno.KvKey;
  readonly version: string | null;
  /** JSON text of the first sending's ack; absent before there is one. */
  ack?: string;
  written: boolean;
}

/**
 * The acks of messages that take effect once. A key is taken to be new, which the commit checks;
 * only after a conflict is it looked up.
 */
export class StagedOnce {
  readonly #acks = new Map<string, StagedAck>();

  /** @param keyOf where the ack of a session's message with a key lies. */
  constructor(
    readonly keyOf: (session: string, key: string) => Deno.KvKey,
    readonly cost: Cost,
    readonly now: number,
  ) {}

  plan(reads: Reads, session: string, key: string): void {
    const storeKey = this.keyOf(session, key);
    reads.want(storeKey, ({ value, versionstamp }) => {
      const record = value as OnceRecord | null;
      const remembered = record !== null && isRemembered(record, this.now);
      this.#acks.set(ackName(session, key), {
        key: storeKey,
        version: versionstamp,
        ack: remembered ? record.ack : undefined,
        written: false,
      });
    });
  }

  /** The ack of the first sending, as JSON text, if there has been one. */
  get(session: string, key: string): string | undefined {
    return this.#acks.get(ackName(session, key))?.ack;
  }

  write(session: string, key: string, ack: string): void {
    const name = ackName(session, key);
    const version = this.#acks.get(name)?.version ?? null;
    const storeKey = this.keyOf(session, key);
    this.#acks.set(name, { key: storeKey, version, ack, written: true });
    this.cost.spend(1, 1, ack.length);
  }

  fill(atomic: Deno.AtomicOperation): void {
    for (const { key, version, ack, written } of this.#acks.values()) {
      if (!written) continue;
      const record: OnceRecord = { ack: ack!, at: this.now };
      atomic.check({ key, versionstamp: version }).set(key, record, { expireIn: REMEMBERED_MS });
    }
  }
}

function ackName(session: string, key: string): string {
  return JSON.stringify([session, key]);
}
