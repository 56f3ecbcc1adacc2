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

  constructor(readonly cost: Cost, readonly now: number) {}

  /** @param key where the message's ack lies. */
  plan(reads: Reads, key: Deno.KvKey): void {
    reads.want(key, ({ value, versionstamp: version }) => {
      const record = value as OnceRecord | null;
      const remembered = record !== null && isRemembered(record, this.now);
      const ack = remembered ? record.ack : undefined;
      this.#acks.set(JSON.stringify(key), { key, version, ack, written: false });
    });
  }

  /** The ack of the first sending, as JSON text, if there has been one. */
  get(key: Deno.KvKey): string | undefined {
    return this.#acks.get(JSON.stringify(key))?.ack;
  }

  write(key: Deno.KvKey, ack: string): void {
    const name = JSON.stringify(key);
    const version = this.#acks.get(name)?.version ?? null;
    this.#acks.set(name, { key, version, ack, written: true });
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
