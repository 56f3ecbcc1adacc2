import type { LogEntry } from "../protocol/log_entry.ts";
import { parseTopic } from "../protocol/topic.ts";

/**
 * Holds back live events of some topics while their past is being sent. Only the events of the
 * short while that one page of the log is read are kept; all others will be in a later page.
 */
export class Gate {
  readonly topics: Set<string>;
  /** Settles when the replay has ended, for the one that waits behind it. */
  readonly ended: PromiseWithResolvers<void> = Promise.withResolvers<void>();
  #held: LogEntry[] | undefined;

  constructor(topics: Iterable<string>) {
    this.topics = new Set(topics);
  }

  matches(topic: string): boolean {
    return this.topics.has(topic) || this.topics.has(parseTopic(topic).event);
  }

  hold(entry: LogEntry): void {
    this.#held?.push(entry);
  }

  /** Keeps what comes from now on. */
  keep(): void {
    this.#held = [];
  }

  /** What came since {@linkcode Gate.keep}; further events are no longer kept. */
  release(): LogEntry[] {
    const held = this.#held ?? [];
    this.#held = undefined;
    return held;
  }

  /** Leaves out an unsubscribed topic, and with an event's bare name all its ids. */
  drop(topic: string): void {
    for (const held of this.topics) {
      if (held === topic || held.startsWith(`${topic}:`)) this.topics.delete(held);
    }
  }
}

/** The gate that holds back events of `topic`, if there is one. */
export function gateFor(gates: readonly Gate[], topic: string): Gate | undefined {
  return gates.find((gate) => gate.matches(topic));
}

/** Lets live events through. In the same tick as the last of those held back, or some are lost. */
export function openGate(member: { gates?: Gate[] }, gate: Gate): void {
  const rest = member.gates?.filter((other) => other !== gate);
  member.gates = rest?.length ? rest : undefined;
}
