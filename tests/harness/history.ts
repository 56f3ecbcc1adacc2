import { rules } from "./history_rules.ts";

/** What a client may say. Each has a name in the history, its key, which is a chat's text, too. */
export type Message =
  | { type: "chat"; data: string }
  | { type: "counter"; data: { id: string; value: number } }
  | { type: "poll"; data: { id: string; answer: string } };

/** What a client may see of its room. */
export type Sight =
  | { type: "chat"; offset: number; text: string }
  | { type: "counter"; id: string; value: string }
  | { type: "poll"; id: string; stats: Record<string, number> };

/** What a client does, or what happens to it. */
export type Deed =
  /** It begins to connect. */
  | { does: "connect" }
  /** It is greeted: of the log it shall see all that comes behind `after`. */
  | { does: "join"; epoch: string; after: number }
  /** A resumption says whether the log still held everything asked for. */
  | { does: "resume"; complete: boolean }
  | { does: "send"; key: string; message: Message }
  | { does: "ack"; key: string; offset?: number }
  /** An error; `unknown` if it may have been applied nevertheless. */
  | { does: "refused"; key: string; code: string; unknown: boolean }
  /** It will not send this again: whether it has been applied is not known to it. */
  | { does: "abandon"; key: string }
  | { does: "see"; sight: Sight }
  /** It loses its connection. What was unanswered may or may not have been applied. */
  | { does: "lose" }
  /** It goes, and sees no more. */
  | { does: "leave" };

/** A deed, by whom, and when in milliseconds. A client is one session, in however many connections. */
export type Entry = Deed & { readonly client: string; readonly at: number };

/** The history of one room that nobody had used before: what all its clients did and saw. */
export class History {
  /** In the order in which it happened. */
  readonly entries: Entry[] = [];

  add(client: string, deed: Deed): void {
    this.entries.push({ ...deed, client, at: performance.now() });
  }

  /** How many entries are of this kind. */
  count(does: Deed["does"]): number {
    return this.entries.filter((entry) => entry.does === does).length;
  }
}

/** What a broken rule looks like is clear from a few of its faults. */
const MAX_FAULTS = 10;

/**
 * Checks a history, up to a moment at which all is quiet, against the contract: the room is one log
 * and a few sums, whatever has happened to connections, processes and the store.
 *
 * @returns what is wrong with it, the first few faults of each rule; nothing, if nothing is.
 */
export function check(entries: readonly Entry[]): string[] {
  return rules.flatMap((rule) => {
    const faults = [...rule(entries)];
    const more = faults.length - MAX_FAULTS;
    return more > 0 ? [...faults.slice(0, MAX_FAULTS), `and ${more} more of these`] : faults;
  });
}

/**
 * The longest time in milliseconds that a client waited for a message's ack, on one connection and
 * through refusals. What a lost connection left unanswered does not count.
 */
export function longestWait(
  entries: readonly Entry[],
  counts: (client: string) => boolean = () => true,
): number {
  const since = new Map<string, Map<string, number>>();
  let longest = 0;
  for (const entry of entries) {
    const { client, at } = entry;
    const waiting = since.get(client) ?? new Map<string, number>();
    since.set(client, waiting);
    if (entry.does === "lose") {
      waiting.clear();
    } else if (entry.does === "send" && !waiting.has(entry.key)) {
      waiting.set(entry.key, at);
    } else if (entry.does === "ack" && counts(client)) {
      longest = Math.max(longest, at - (waiting.get(entry.key) ?? at));
      waiting.delete(entry.key);
    }
  }
  return longest;
}
