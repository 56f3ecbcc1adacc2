import type { Member } from "./member.ts";

/** Which admins of a room are told of which event types, here and on other isolates. */
export class Relays {
  readonly #byType = new Map<string, Set<Member>>();
  /** Type → the isolates that have admins who are told of it. */
  readonly #elsewhere = new Map<string, Set<string>>();

  add(member: Member, type: string): void {
    const members = this.#byType.get(type);
    if (members) members.add(member);
    else this.#byType.set(type, new Set([member]));
  }

  /** Removes the member's relay of `type`, or all of its own; returns the types there were. */
  remove(member: Member, type?: string): string[] {
    const removed: string[] = [];
    for (const relayed of type === undefined ? [...this.#byType.keys()] : [type]) {
      const members = this.#byType.get(relayed);
      if (!members?.delete(member)) continue;
      if (members.size === 0) this.#byType.delete(relayed);
      removed.push(relayed);
    }
    return removed;
  }

  /** How many relays the member has. */
  count(member: Member): number {
    let count = 0;
    for (const members of this.#byType.values()) if (members.has(member)) count++;
    return count;
  }

  /** Whether anyone here is told of `type`. */
  has(type: string): boolean {
    return this.#byType.has(type);
  }

  /** The types that somebody here is told of. */
  types(): string[] {
    return [...this.#byType.keys()];
  }

  /** Takes over whether a peer has admins who are told of `type`. */
  heard(peer: string, type: string, relayed: boolean): void {
    const peers = this.#elsewhere.get(type) ?? new Set();
    if (relayed) peers.add(peer);
    else peers.delete(peer);
    if (peers.size > 0) this.#elsewhere.set(type, peers);
    else this.#elsewhere.delete(type);
  }

  /** The isolates that want to be told of `type`. */
  elsewhere(type: string): ReadonlySet<string> | undefined {
    return this.#elsewhere.get(type);
  }

  /** Shows a message of `type`, as its frame, to those who are told of it here. */
  show(type: string, frame: string): void {
    for (const { outbox } of this.#byType.get(type) ?? []) outbox.send(frame);
  }
}
