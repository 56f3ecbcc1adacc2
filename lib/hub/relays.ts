import type { Member } from "./member.ts";

/** Which admins of a room are told of which event types. */
export class Relays {
  readonly #byType = new Map<string, Set<Member>>();

  add(member: Member, type: string): void {
    const members = this.#byType.get(type);
    if (members) members.add(member);
    else this.#byType.set(type, new Set([member]));
  }

  /** Removes the member's relay of `type`, or all of its own; returns how many there were. */
  remove(member: Member, type?: string): number {
    let removed = 0;
    for (const relayed of type === undefined ? [...this.#byType.keys()] : [type]) {
      const members = this.#byType.get(relayed);
      if (!members?.delete(member)) continue;
      if (members.size === 0) this.#byType.delete(relayed);
      removed++;
    }
    return removed;
  }

  /** How many relays the member has. */
  count(member: Member): number {
    let count = 0;
    for (const members of this.#byType.values()) if (members.has(member)) count++;
    return count;
  }

  /** Those who are told of `type`. */
  of(type: string): ReadonlySet<Member> | undefined {
    return this.#byType.get(type);
  }
}
