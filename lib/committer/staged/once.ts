import { keys, type OnceRecord } from "../../store/keys.ts";
import type { Cost } from "./cost.ts";
import type { Reads } from "./reads.ts";

/** How long the ack of a message with a `key` is remembered, in milliseconds. */
const REMEMBERED_MS = 600_000;

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

  constructor(readonly room: string, readonly cost: Cost, readonly now: number) {}

  plan(reads: Reads, session: string, key: string): void {
    const storeKey = keys.once(this.room, session, key);
    reads.want(storeKey, ({ value, versionstamp }) => {
      const record = value as OnceRecord | null;
      const remembered = record !== null && record.at > this.now - REMEMBERED_MS;
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
    const storeKey = keys.once(this.room, session, key);
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
