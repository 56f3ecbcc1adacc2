import { Lane, type LaneOptions } from "../committer/lane.ts";
import { hash } from "../hash.ts";
import type { DirectKeys, ThreadHead } from "../store/direct_keys.ts";
import { DirectBatch, type DirectServices } from "./batch.ts";
import { otherOf, type Thread } from "./conversation.ts";
import type { DirectJob, Outcome } from "./job.ts";
import type { DirectMessage } from "./message.ts";

export interface DirectMessagesOptions extends Omit<DirectServices, "memory">, LaneOptions {
  /** Names this life of this isolate. */
  readonly instance: string;
}

/** A page of a list that goes from the newest to the oldest. */
export interface Page {
  /** From 1. */
  readonly page: number;
  readonly perPage: number;
}

/** A thread in a user's inbox. */
export interface InboxEntry {
  readonly kind: "user" | "topic";
  /** The other user, or the topic. */
  readonly id: string;
  readonly latest: DirectMessage;
}

/** More threads than this no inbox shows. */
const MAX_THREADS = 100_000;
/** How often an inbox is read anew when it changes while it is read. */
const MAX_READINGS = 5;

/** Messages outside rooms: between two users, or on a topic. */
export class DirectMessages {
  readonly #keys: DirectKeys;
  readonly #lanes: Lane<DirectJob>[];

  constructor(readonly options: DirectMessagesOptions) {
    const { store, keys, instance } = options;
    this.#keys = keys;
    this.#lanes = Array.from({ length: store.lanes }, (_, i) => {
      const services: DirectServices = { ...options, memory: new Map() };
      const work = {
        batch: () => new DirectBatch(services),
        done: () => {},
        isRivalled: () => false,
      };
      return new Lane(`${instance}/direct ${i}`, store, work, options);
    });
  }

  /**
   * Does something in a thread: in it, in its members' inboxes and for those who are connected,
   * together.
   *
   * @returns the message as it is then, or was before it was deleted.
   * @throws {ProtocolError} when it is refused, or could not be committed.
   */
  async act(action: Omit<DirectJob, "settled">): Promise<DirectMessage> {
    const { promise, resolve } = Promise.withResolvers<Outcome>();
    const { kind, ids } = action.thread;
    const lane = this.#lanes[hash(JSON.stringify([kind, ...ids])) % this.#lanes.length]!;
    lane.submit({ ...action, settled: resolve });
    const outcome = await promise;
    if (outcome.error) throw outcome.error;
    return outcome.message;
  }

  /** A page of a thread, oldest first; the first page is the newest. */
  async history(thread: Thread, { page, perPage }: Page): Promise<{
    messages: DirectMessage[];
    total: number;
  }> {
    const { store } = this.options;
    const { value: head } = await store.get<ThreadHead>(this.#keys.head(thread));
    if (!head) return { messages: [], total: 0 };
    const prefix = this.#keys.messages(thread);
    const skipped = (page - 1) * perPage;
    // Where none has been deleted, their numbers tell where the page begins.
    const whole = head.count === head.newest;
    const end = this.#keys.message(thread, head.newest + 1 - (whole ? skipped : 0));
    const skip = whole ? 0 : skipped;
    const listed = head.count > skipped
      ? await store.list<DirectMessage>({ prefix, end }, { limit: skip + perPage, reverse: true })
      : [];
    return { messages: listed.slice(skip).map(({ value }) => value).reverse(), total: head.count };
  }

  /** A page of a user's inbox, those with the latest messages first. */
  async inbox(user: string, { page, perPage }: Page): Promise<{
    entries: InboxEntry[];
    total: number;
  }> {
    const { store } = this.options;
    for (let reading = 1;; reading++) {
      const threads = await this.#threadsOf(user);
      const listed = threads.slice((page - 1) * perPage, page * perPage);
      const found = await store.getMany(
        listed.map(({ thread, latest }) => this.#keys.message(thread, latest)),
      );
      // One that was deleted just now has left its place to another.
      if (found.some(({ value }) => value === null) && reading < MAX_READINGS) continue;
      const entries = listed.flatMap(({ thread: { kind, ids } }, i): InboxEntry[] => {
        const latest = found[i]!.value as DirectMessage | null;
        if (!latest) return [];
        return kind === "topic"
          ? [{ kind: "topic", id: ids[0]!, latest }]
          : [{ kind: "user", id: otherOf(ids, user), latest }];
      });
      return { entries, total: threads.length };
    }
  }

  /** Resolves when all that was taken on has been committed. */
  async flushed(): Promise<void> {
    await Promise.all(this.#lanes.map((lane) => lane.flushed()));
  }

  /** All threads in a user's inbox that have a message, those with the latest first. */
  async #threadsOf(user: string): Promise<{ thread: Thread; latest: number; at: number }[]> {
    const { store } = this.options;
    const prefix = this.#keys.inbox(user);
    const entries = await store.list({ prefix }, { limit: MAX_THREADS });
    const threads = entries.map(({ key }): Thread => {
      const [kind, ...ids] = key.slice(prefix.length) as [Thread["kind"], ...string[]];
      return { kind, ids };
    });
    const heads = await store.getMany(threads.map((thread) => this.#keys.head(thread)));
    return threads.map((thread, i) => {
      const { latest, at } = heads[i]!.value as ThreadHead;
      return { thread, latest, at };
    }).filter(({ latest }) => latest > 0).sort((one, other) => other.at - one.at);
  }
}
