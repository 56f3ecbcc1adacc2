import { ProtocolError } from "../../errors.ts";
import type { Targets } from "../../hub/targets.ts";
import type { AddressKind, AtRecord, Target, TargetKind } from "../../protocol/target.ts";
import { keys } from "../../store/keys.ts";
import type { Store } from "../../store/store.ts";
import { type Mail, MAX_MAILS_LENGTH } from "../change.ts";

/** How many isolates are looked at under one address. */
const MAX_PEERS = 1000;

/** Where the targets of a batch's messages are on other isolates. */
export class LocatedTargets {
  /** Address → isolate → how many connections it has there. */
  readonly #found = new Map<string, Map<string, number>>();
  readonly #wanted = new Map<string, readonly [kind: TargetKind, id: string]>();

  constructor(readonly targets: Targets, readonly self: string | undefined) {}

  plan({ kind, ids }: Target): void {
    for (const id of ids) this.#wanted.set(JSON.stringify([kind, id]), [kind, id]);
  }

  async load(store: Store): Promise<void> {
    await Promise.all([...this.#wanted].map(async ([name, [kind, id]]) => {
      const counts = await (kind === "room" ? inRoom(store, id) : under(store, kind, id));
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

  /** On how many other isolates a message's targets are. */
  peers(target: Target): number {
    return this.#peersOf(target).size;
  }

  /** @throws {ProtocolError} `limit_exceeded` for a message too large for so many isolates. */
  mails(target: Target, frame: string): Mail[] {
    const peers = this.#peersOf(target);
    const text = JSON.stringify({ target, frame });
    if (peers.size * text.length > MAX_MAILS_LENGTH) {
      throw new ProtocolError(
        "limit_exceeded",
        `The targets are on ${peers.size} isolates: send a shorter message, or to fewer at once.`,
      );
    }
    return [...peers].map((to) => ({ to, kind: "target", about: "", text }));
  }

  #peersOf(target: Target): Set<string> {
    return new Set(target.ids.flatMap((id) => [...this.#at(target, id).keys()]));
  }

  #at({ kind }: Target, id: string): ReadonlyMap<string, number> {
    return this.#found.get(JSON.stringify([kind, id])) ?? new Map();
  }
}

type Counts = readonly (readonly [peer: string, connections: number])[];

async function under(store: Store, kind: AddressKind, id: string): Promise<Counts> {
  const prefix = keys.atAll(kind, id);
  const entries = await store.list<AtRecord>({ prefix }, { limit: MAX_PEERS });
  return entries.map(({ key, value }) => [String(key.at(-1)), value.count]);
}

/** The isolates in a room; how many connections they have there, its roster does not tell. */
async function inRoom(store: Store, room: string): Promise<Counts> {
  const { value } = await store.get<string[]>(keys.roster(room));
  return (value ?? []).map((peer) => [peer, 1]);
}
