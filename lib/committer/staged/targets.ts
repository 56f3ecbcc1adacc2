import { ProtocolError } from "../../errors.ts";
import type { Targets } from "../../hub/targets.ts";
import type { AtRecord, Target } from "../../protocol/target.ts";
import { keys } from "../../store/keys.ts";
import type { Store } from "../../store/store.ts";
import { type Mail, MAX_MAILS_LENGTH } from "../change.ts";

/** How many isolates are looked at under one address. */
const MAX_PEERS = 1000;

/** Where the targets of a batch's messages are on other isolates. */
export class LocatedTargets {
  /** Address → isolate → how many connections it has there. */
  readonly #found = new Map<string, Map<string, number>>();
  readonly #wanted = new Map<string, Deno.KvKey>();

  constructor(readonly targets: Targets, readonly self: string | undefined) {}

  plan({ kind, ids }: Target): void {
    for (const id of ids) this.#wanted.set(JSON.stringify([kind, id]), keys.atAll(kind, id));
  }

  get pending(): boolean {
    return this.#wanted.size > 0;
  }

  async load(store: Store): Promise<void> {
    await Promise.all([...this.#wanted].map(async ([name, prefix]) => {
      const entries = await store.list<AtRecord>({ prefix }, { limit: MAX_PEERS });
      const counts = entries.map(({ key, value }) => [String(key.at(-1)), value.count] as const);
      this.#found.set(name, new Map(counts.filter(([peer]) => peer !== this.self)));
    }));
  }

  /** How many connections a message goes to, here and elsewhere. */
  reach(target: Target): number {
    let count = this.targets.find(target).size;
    for (const id of new Set(target.ids)) {
      for (const there of this.#at(target, id).values()) count += there;
    }
    return count;
  }

  /** @throws {ProtocolError} `limit_exceeded` for a message too large for so many isolates. */
  mails(target: Target, frame: string): Mail[] {
    const peers = new Set(target.ids.flatMap((id) => [...this.#at(target, id).keys()]));
    const text = JSON.stringify({ target, frame });
    if (peers.size * text.length > MAX_MAILS_LENGTH) {
      throw new ProtocolError(
        "limit_exceeded",
        `The targets are on ${peers.size} isolates: send a shorter message, or to fewer at once.`,
      );
    }
    return [...peers].map((to) => ({ to, kind: "target", about: "", text }));
  }

  #at({ kind }: Target, id: string): ReadonlyMap<string, number> {
    return this.#found.get(JSON.stringify([kind, id])) ?? new Map();
  }
}
