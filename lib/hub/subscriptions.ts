import { parseTopic } from "../protocol/topic.ts";
import type { Member } from "./member.ts";

const NOBODY: ReadonlySet<Member> = new Set();

/** Who in a room is subscribed to what: an index, so that a delivery touches only those it is for. */
export class Subscriptions {
  readonly #byTopic = new Map<string, Set<Member>>();

  add(member: Member, topic: string): void {
    if (!member.topics.includes(topic)) member.topics.push(topic);
    const members = this.#byTopic.get(topic);
    if (members) members.add(member);
    else this.#byTopic.set(topic, new Set([member]));
  }

  /** Removes one topic; an event's bare name takes all its `event:id` with it. */
  remove(member: Member, topic: string): void {
    this.#drop(member, topic);
    if (parseTopic(topic).id !== undefined) return;
    for (const held of [...member.topics]) {
      if (held.startsWith(`${topic}:`)) this.#drop(member, held);
    }
  }

  removeAll(member: Member): void {
    for (const topic of [...member.topics]) this.#drop(member, topic);
  }

  /** Everything that somebody is subscribed to. */
  topics(): string[] {
    return [...this.#byTopic.keys()];
  }

  /** Those subscribed to exactly `topic`. */
  exactly(topic: string): ReadonlySet<Member> {
    return this.#byTopic.get(topic) ?? NOBODY;
  }

  /** Whether anyone would get an event of `topic`. */
  wanted(topic: string): boolean {
    return this.#byTopic.has(topic) || this.#byTopic.has(parseTopic(topic).event);
  }

  /** Calls `visit` once for everyone an event of `topic` is for. */
  forEach(topic: string, visit: (member: Member) => void): void {
    const exact = this.exactly(topic);
    for (const member of exact) visit(member);
    const { event, id } = parseTopic(topic);
    if (id === undefined) return;
    for (const member of this.exactly(event)) {
      if (!exact.has(member)) visit(member);
    }
  }

  #drop(member: Member, topic: string): void {
    const at = member.topics.indexOf(topic);
    if (at === -1) return;
    member.topics.splice(at, 1);
    const members = this.#byTopic.get(topic);
    if (members?.delete(member) && members.size === 0) this.#byTopic.delete(topic);
  }
}
