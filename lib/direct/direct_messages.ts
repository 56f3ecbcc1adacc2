import { Lane, type LaneOptions } from "../committer/lane.ts";
import { ProtocolError } from "../errors.ts";
import { hash } from "../hash.ts";
import type { Conversation, Permission } from "../policy.ts";
import type { DirectKeys, ThreadHead } from "../store/direct_keys.ts";
import { DirectBatch, type DirectServices } from "./batch.ts";
import { otherOf, type Thread } from "./conversation.ts";
import type { DirectJob, Outcome } from "./job.ts";
import { type DirectMessage, numberOf } from "./message.ts";

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
export interface InboxEntry extends Conversation {
  readonly latest: DirectMessage;
}

/** Whether a user may be told of a conversation. */
export type Permit = (conversation: Conversation) => Permission;

/** How many messages are read at a time. */
const CHUNK = 200;
/** More threads than this no inbox shows. */
const MAX_THREADS = 100_000;
/** How often a thread or inbox is read anew when it changes while it is read. */
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
    if ("error" in outcome) throw outcome.error;
    if ("message" in outcome) return outcome.message;
    const key = this.#keys.message(action.thread, numberOf(outcome.repeated)!);
    const { value } = await this.options.store.get<DirectMessage>(key);
    if (value) return value;
    throw new ProtocolError("not_found", "The message was sent, and has been deleted since.");
  }

  /** A page of a thread, oldest first; the first page is the newest. */
  async history(thread: Thread, { page, perPage }: Page): Promise<{
    messages: DirectMessage[];
    total: number;
  }> {
    const key = this.#keys.head(thread);
    let before = await this.options.store.get<ThreadHead>(key);
    for (let reading = 1;; reading++) {
      const head = before.value;
      if (!head) return { messages: [], total: 0 };
      const messages = await this.#page(thread, head, (page - 1) * perPage, perPage);
      const after = await this.options.store.get<ThreadHead>(key);
      // What was read in between belongs to this head, unless it has changed.
      const same = after.versionstamp === before.versionstamp;
      if (same || reading === MAX_READINGS) return { messages, total: head.count };
      before = after;
    }
  }

  /**
   * A page of a user's inbox, those with the latest messages first.
   *
   * @param permit whether a thread may be told of.
   */
  async inbox(user: string, { page, perPage }: Page, permit: Permit): Promise<{
    entries: InboxEntry[];
    total: number;
  }> {
    const { store } = this.options;
    for (let reading = 1;; reading++) {
      const all = await this.#threadsOf(user);
      const permitted = await Promise.all(all.map(({ thread }) => permit(named(thread, user))));
      const threads = all.filter((_, i) => permitted[i]);
      const listed = threads.slice((page - 1) * perPage, page * perPage);
      const found = await store.getMany(
        listed.map(({ thread, latest }) => this.#keys.message(thread, latest)),
      );
      // One that was deleted just now has left its place to another.
      if (found.some(({ value }) => value === null) && reading < MAX_READINGS) continue;
      const entries = listed.flatMap(({ thread }, i): InboxEntry[] => {
        const latest = found[i]!.value as DirectMessage | null;
        return latest ? [{ ...named(thread, user), latest }] : [];
      });
      return { entries, total: threads.length };
    }
  }

  /** Resolves when all that was taken on has been committed. */
  async flushed(): Promise<void> {
    await Promise.all(this.#lanes.map((lane) => lane.flushed()));
  }

  /** As many messages as `count`, oldest first, behind the `skip` newest ones. */
  async #page(
    thread: Thread,
    { newest, count: total }: ThreadHead,
    skip: number,
    count: number,
  ): Promise<DirectMessage[]> {
    if (total <= skip) return [];
    const prefix = this.#keys.messages(thread);
    // Where none has been deleted, their numbers tell where the page begins.
    const whole = total === newest;
    let end = newest + 1 - (whole ? skip : 0);
    let left = whole ? 0 : skip;
    const found: DirectMessage[] = [];
    while (found.length < count) {
      const limit = Math.min(CHUNK, left + count - found.length);
      const selector = { prefix, end: this.#keys.message(thread, end) };
      const chunk = await this.options.store.list<DirectMessage>(selector, {
        limit,
        reverse: true,
      });
      found.push(...chunk.slice(left).map(({ value }) => value));
      left = Math.max(0, left - chunk.length);
      if (chunk.length < limit) break;
      end = chunk.at(-1)!.key.at(-1) as number;
    }
    return found.reverse();
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

/** What a user calls a thread. */
function named({ kind, ids }: Thread, user: string): Conversation {
  return kind === "topic"
    ? { kind: "topic", id: ids[0]! }
    : { kind: "user", id: otherOf(ids, user) };
}
