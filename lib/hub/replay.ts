import { ProtocolError } from "../errors.ts";
import type { LogEntry } from "../protocol/log_entry.ts";
import { parseTopic } from "../protocol/topic.ts";
import type { Member } from "./member.ts";
import type { Room } from "./room.ts";

/** Where a replay begins: behind an offset of a life of the log, or with the last few events. */
export type ReplayStart =
  | { readonly since: number; readonly epoch?: string }
  | { readonly history: number };

/** The committed past of rooms' logs, as far as it is kept. */
export interface Past {
  /**
   * Entries with `from <= offset < before`, oldest first; fewer than there are only when `next` is
   * set, which is where to go on.
   */
  read(
    room: string,
    from: number,
    before: number,
    limit?: number,
  ): Promise<{ entries: LogEntry[]; next?: number }>;
  /**
   * The offset before the last `count` entries that `wanted` picks. `complete` says that there
   * were as many, or that the log reaches back to its beginning and there never were.
   */
  seekBack(
    room: string,
    head: number,
    count: number,
    wanted: (entry: LogEntry) => boolean,
  ): Promise<{ since: number; complete: boolean }>;
  /** The oldest offset that the log may still tell of, where its newest is `head`. */
  oldest(head: number): number;
}

/** What became of a replay. */
export interface Replayed {
  /** How many events were sent before going live. */
  readonly replayed: number;
  /** Whether the log still held everything asked for. */
  readonly complete: boolean;
}

/**
 * Holds back live events of some topics while their past is being sent. Only the events of the
 * short while that one page of the log is read are kept; all others will be in a later page.
 */
export class Gate {
  readonly topics: Set<string>;
  /** Settles when the replay has ended, for the one that waits behind it. */
  readonly ended = Promise.withResolvers<void>();
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

/**
 * Subscribes a member to log topics from a point in the past: first what the log still has, then,
 * with no gap and no repeat, what happens. A member's replays run one after the other, and no
 * faster than it reads.
 *
 * @throws {ProtocolError} `unavailable` when the log cannot be read; the topics that the member
 * was not subscribed to before are then given back.
 */
export async function subscribeFrom(
  room: Room,
  past: Past,
  member: Member,
  topics: readonly string[],
  start: ReplayStart,
): Promise<Replayed> {
  const added = topics.filter((topic) => !member.topics.includes(topic));
  const gate = new Gate(topics);
  const earlier = member.gates?.at(-1);
  member.gates = [...member.gates ?? [], gate];
  for (const topic of topics) room.subscriptions.add(member, topic);
  try {
    await earlier?.ended.promise;
    return await replay(room, past, member, gate, start);
  } catch (error) {
    for (const topic of added) room.subscriptions.remove(member, topic);
    if (error instanceof ProtocolError) throw error;
    throw new ProtocolError("unavailable", "The room's log cannot be read now: subscribe again.");
  } finally {
    open(member, gate);
    gate.ended.resolve();
  }
}

/** Lets live events through. In the same tick as the last of those held back, or some are lost. */
function open(member: Member, gate: Gate): void {
  const rest = member.gates?.filter((other) => other !== gate);
  member.gates = rest?.length ? rest : undefined;
}

async function replay(
  room: Room,
  past: Past,
  member: Member,
  gate: Gate,
  start: ReplayStart,
): Promise<Replayed> {
  const { since, reachable } = await locate(room, past, gate, start);
  let complete = reachable;
  let replayed = 0;
  const oldest = past.oldest(room.cursor);
  if (since + 1 < oldest) complete = false;
  let next: number | undefined = Math.max(since + 1, oldest);
  let expected = next;
  let pageSize: number | undefined;
  while (next !== undefined) {
    // From here on what is delivered is held; what was delivered before can be read.
    gate.keep();
    const before = room.cursor + 1;
    const page: { entries: LogEntry[]; next?: number } = await past.read(
      room.name,
      next,
      before,
      pageSize,
    );
    next = page.next;
    const first = replayed;
    for (const entry of page.entries) {
      if (entry.offset !== expected) complete = false;
      expected = entry.offset + 1;
      if (!gate.matches(entry.topic)) continue;
      member.outbox.send(entry.frame);
      replayed++;
      if (member.outbox.full) {
        // What is held may not grow for as long as a slow reader takes: it will be read instead.
        next = expected;
        pageSize = replayed - first;
        break;
      }
    }
    const held = gate.release();
    if (next === undefined) {
      if (expected < before) complete = false;
      for (const entry of held) if (gate.matches(entry.topic)) member.outbox.send(entry.frame);
      open(member, gate);
    } else if (!await member.outbox.drained()) {
      break;
    }
  }
  return { replayed, complete };
}

async function locate(
  room: Room,
  past: Past,
  gate: Gate,
  start: ReplayStart,
): Promise<{ since: number; reachable: boolean }> {
  const head = room.cursor;
  if ("history" in start) {
    const wanted = (entry: LogEntry): boolean => gate.matches(entry.topic);
    const { since, complete } = await past.seekBack(room.name, head, start.history, wanted);
    return { since, reachable: complete };
  }
  // An offset of another life, or of a future, says nothing: all this log has is news.
  if (start.epoch !== undefined && start.epoch !== room.epoch) {
    return { since: 0, reachable: false };
  }
  if (start.since > head) return { since: head, reachable: false };
  return { since: start.since, reachable: true };
}
