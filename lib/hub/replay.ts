import { ProtocolError } from "../errors.ts";
import type { LogEntry } from "../protocol/log_entry.ts";
import { Gate, openGate } from "./gate.ts";
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
  /** Brings the room to where its log stands now: others may have told its members of more. */
  catchUp(room: Room): Promise<void>;
}

/** What became of a replay. */
export interface Replayed {
  /** How many events were sent before going live. */
  readonly replayed: number;
  /** Whether the log still held everything asked for. */
  readonly complete: boolean;
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
    openGate(member, gate);
    gate.ended.resolve();
  }
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
      openGate(member, gate);
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
  if ("since" in start && start.since > room.cursor) await past.catchUp(room);
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
