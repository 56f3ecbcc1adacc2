import type { LogEntry } from "../protocol/log_entry.ts";
import { keys } from "./keys.ts";
import type { Store } from "./store.ts";
import { joinTexts } from "./text.ts";

/** What is stored beside an entry's frame. */
export interface LogFields {
  readonly topic: string;
  /** When it was committed, in milliseconds since 1970: the store forgets only lazily. */
  readonly at: number;
}

export interface LogOptions {
  readonly now: () => number;
  /** How long an event is kept. */
  readonly historySeconds: number;
  /** How many of a room's events are kept. */
  readonly historyLimit: number;
}

/** How far past the limit a log grows before it is cut, so that a cut pays for many events. */
const TRIM_EVERY = 100;
/** How many events are read at a time: an answer of more than some 16 KiB takes far longer. */
const LOG_PAGE = 50;
/** Entries that a page may end inside of have at most so many pieces. */
const MAX_PIECES = 10;

/** Reading and forgetting the rooms' logs. They are written by the committer alone. */
export class Log {
  constructor(readonly store: Store, readonly options: LogOptions) {}

  /**
   * The entries with `from <= offset < before`, oldest first, at most `limit`; fewer than there
   * are only when `next` is set, which is where to go on. Entries past their time are left out.
   */
  async read(
    room: string,
    from: number,
    before: number,
    limit: number = LOG_PAGE,
  ): Promise<{ entries: LogEntry[]; next?: number }> {
    const listed = await this.store.list<unknown>({
      start: keys.logEntry(room, from),
      end: keys.logEntry(room, before),
    }, { limit: limit + MAX_PIECES });
    const entries = this.#decode(listed);
    if (listed.length < limit + MAX_PIECES) return { entries };
    // The page may end inside a text: go on behind the last whole one.
    const lastKey = listed.at(-1)!.key[3] as number;
    const last = entries.at(-1)?.offset;
    return { entries, next: last === lastKey ? last + 1 : Math.max(lastKey, from) };
  }

  /** The oldest offset that the log may still tell of, where its newest is `head`. */
  oldest(head: number): number {
    return Math.max(1, head - this.options.historyLimit + 1);
  }

  /**
   * The offset before the last `count` entries that `wanted` picks. `complete` says that there
   * were as many, or that the log reaches back to its beginning and there never were.
   */
  async seekBack(
    room: string,
    head: number,
    count: number,
    wanted: (entry: LogEntry) => boolean,
  ): Promise<{ since: number; complete: boolean }> {
    const oldest = this.oldest(head);
    let found = 0;
    let since = head;
    let reached = head + 1;
    for (let before = head + 1; found < count && before > oldest; before -= LOG_PAGE) {
      const page = await this.#readPage(room, Math.max(oldest, before - LOG_PAGE), before);
      for (const entry of page.reverse()) {
        reached = entry.offset;
        if (found === count || !wanted(entry)) continue;
        found++;
        since = entry.offset - 1;
      }
    }
    return { since, complete: found === count || reached === 1 };
  }

  /** Whether a log that has just grown to `head` by `appended` events is due for a cut. */
  trimDue(head: number, appended: number): boolean {
    return head > this.options.historyLimit && head % TRIM_EVERY < appended;
  }

  /** Deletes what lies below the limit. Safe to be cut off and to run twice. */
  async trim(room: string, head: number): Promise<void> {
    const selector = { prefix: keys.log(room), end: keys.logEntry(room, this.oldest(head)) };
    while (true) {
      const old = await this.store.list(selector, { limit: 500 });
      if (old.length === 0) return;
      await this.store.commit((atomic) => old.forEach(({ key }) => atomic.delete(key)));
      if (old.length < 500) return;
    }
  }

  /** All entries with `from <= offset < before`, read page beside page. */
  async readAll(room: string, from: number, before: number): Promise<LogEntry[]> {
    const pages: Promise<LogEntry[]>[] = [];
    for (let start = from; start < before; start += LOG_PAGE) {
      pages.push(this.#readPage(room, start, Math.min(before, start + LOG_PAGE)));
    }
    return (await Promise.all(pages)).flat();
  }

  async #readPage(room: string, from: number, before: number): Promise<LogEntry[]> {
    const all: LogEntry[] = [];
    for (let start: number | undefined = from; start !== undefined;) {
      const { entries, next }: { entries: LogEntry[]; next?: number } = await this.read(
        room,
        start,
        before,
      );
      all.push(...entries);
      start = next;
    }
    return all;
  }

  #decode(listed: readonly Deno.KvEntry<unknown>[]): LogEntry[] {
    const forgotten = this.options.now() - this.options.historySeconds * 1000;
    return joinTexts<LogFields>(listed, 4)
      .filter(({ value }) => value.fields.at > forgotten)
      .map(({ key, value }) => ({
        offset: key[3] as number,
        topic: value.fields.topic,
        frame: value.text,
      }));
  }
}
