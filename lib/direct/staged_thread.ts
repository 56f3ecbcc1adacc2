import type { Cost } from "../committer/staged/cost.ts";
import type { Reads } from "../committer/staged/reads.ts";
import { ProtocolError } from "../errors.ts";
import type { DirectKeys, ThreadHead } from "../store/direct_keys.ts";
import type { Store } from "../store/store.ts";
import type { Thread } from "./conversation.ts";
import { type Content, type DirectMessage, type Edit, messageId, numberOf } from "./message.ts";

/** Something that can be done in a thread, and has not been staged yet. */
export interface Step {
  /** The message as it will be, or was before it is deleted. */
  readonly message: DirectMessage;
  /** Those in whose inboxes the thread will be. */
  readonly members: readonly string[];
  stage(): void;
}

/** A thread's head as read or last written, and the version at which that was. */
export interface KnownThread {
  readonly head: ThreadHead;
  readonly version: string | null;
}

const NEW_HEAD: ThreadHead = { newest: 0, count: 0, latest: 0, at: 0, members: [] };

/**
 * One thread's part of a commit, which checks the thread's head. Where the thread stands in its
 * members' inboxes follows from the head alone: so inbox and thread cannot disagree, and a message
 * costs two mutations, however many read it.
 */
export class StagedThread {
  #known: KnownThread | undefined;
  #head!: ThreadHead;
  /** Number → the message as the commit leaves it; `null`: none. */
  readonly #messages = new Map<number, DirectMessage | null>();
  /** The numbers of those that the commit writes. */
  readonly #written = new Set<number>();
  #deletes = false;
  /** The latest message but one, where that was read. */
  #next: DirectMessage | undefined;
  #touched = false;

  constructor(
    readonly thread: Thread,
    known: KnownThread | undefined,
    readonly keys: DirectKeys,
    readonly cost: Cost,
    readonly maxMembers: number,
  ) {
    this.#known = known;
    if (known) this.#head = known.head;
  }

  /** Plans to read the head. */
  plan(reads: Reads): void {
    if (this.#known) return;
    reads.want(this.keys.head(this.thread), ({ value, versionstamp }) => {
      this.#known = { head: (value as ThreadHead | null) ?? NEW_HEAD, version: versionstamp };
      this.#head = this.#known.head;
    });
  }

  /**
   * Plans to read the message that an id names. After the head: what has changed in between makes
   * the head's check fail.
   */
  planMessage(reads: Reads, id: string): void {
    const number = numberOf(id);
    if (number === undefined) return;
    reads.want(this.keys.message(this.thread, number), ({ value }) => {
      this.#messages.set(number, value as DirectMessage | null);
    });
  }

  /** Whether the thread has been changed, which a deletion cannot follow in the same commit. */
  get touched(): boolean {
    return this.#touched;
  }

  /** Whether a message has been deleted, which nothing can follow in the same commit. */
  get deletes(): boolean {
    return this.#deletes;
  }

  /** Those in whose inboxes the thread is. */
  get members(): readonly string[] {
    return this.#head.members;
  }

  /** @throws {ProtocolError} `limit_exceeded` when a topic has as many members as it may have. */
  send(author: string, content: Content, now: number): Step {
    const { newest, count, members: before } = this.#head;
    const joined = this.thread.kind === "dm" ? this.thread.ids : [author];
    const members = [...new Set([...before, ...joined])];
    if (this.thread.kind === "topic" && members.length > this.maxMembers) {
      throw tooManyMembers(this.maxMembers);
    }
    const number = newest + 1;
    // The clocks of isolates may differ; a thread's times do not go back.
    const at = Math.max(now, this.#head.at);
    const message: DirectMessage = { id: messageId(number), author, at, ...content };
    const stage = (): void => {
      this.#touch();
      const joined = members.slice(before.length);
      this.cost.spend(0, joined.length, joined.join().length);
      this.#head = { newest: number, count: count + 1, latest: number, at, members };
      this.#write(number, message);
    };
    return { message, members, stage };
  }

  /** @throws {ProtocolError} for a message that is not there, or what the user may not change. */
  edit(user: string, id: string, { text, image, status }: Edit): Step {
    const { number, message: before } = this.#find(id);
    const own = before.author === user;
    if (status !== undefined && own) {
      throw notAllowed("Only those whom a message is for say that it has been seen.");
    }
    const content = before.type === "text" ? text : image;
    if (content !== undefined && !own) throw notAllowed("Only its author edits a message.");
    if (content === undefined && status === undefined) {
      throw new ProtocolError("invalid_message", `Send its new ${before.type}, or a status.`);
    }
    const said = content === undefined ? {} : { [before.type]: content };
    const message = { ...before, ...said, ...(status === undefined ? {} : { status }) };
    const stage = (): void => {
      this.#touch();
      this.#write(number, message);
    };
    return { message, members: this.members, stage };
  }

  /** @throws {ProtocolError} for a message that is not there, or another's. */
  delete(user: string, id: string): Step {
    const { number, message } = this.#find(id);
    if (message.author !== user) throw notAllowed("Only its author deletes a message.");
    const stage = (): void => {
      this.#touch();
      this.#deletes = true;
      const next = this.#next;
      const latest = { latest: next ? numberOf(next.id)! : 0, at: next?.at ?? 0 };
      const head = { ...this.#head, count: this.#head.count - 1 };
      this.#head = number === head.latest ? { ...head, ...latest } : head;
      this.#messages.set(number, null);
      this.#written.add(number);
      this.cost.spend(0, 1, 0);
    };
    return { message, members: this.members, stage };
  }

  /**
   * Reads what a deletion must know: which message will be the latest if the latest is deleted. After
   * the head, as messages are.
   */
  async loadNext(store: Store): Promise<void> {
    const prefix = this.keys.messages(this.thread);
    const last = await store.list<DirectMessage>({ prefix }, { limit: 2, reverse: true });
    this.#next = last[1]?.value;
  }

  fill(atomic: Deno.AtomicOperation): void {
    if (!this.#touched) return;
    const { keys, thread } = this;
    const key = keys.head(thread);
    atomic.check({ key, versionstamp: this.#known!.version }).set(key, this.#head);
    for (const number of this.#written) {
      const message = this.#messages.get(number);
      if (message) atomic.set(keys.message(thread, number), message);
      else atomic.delete(keys.message(thread, number));
    }
    const { members } = this.#known!.head;
    for (const member of this.#head.members) {
      if (!members.includes(member)) atomic.set(keys.inboxEntry(member, thread), 0);
    }
  }

  /** The head as it is known after the commit. */
  committed(versionstamp: string): KnownThread {
    return this.#touched ? { head: this.#head, version: versionstamp } : this.#known!;
  }

  #find(id: string): { number: number; message: DirectMessage } {
    const number = numberOf(id);
    const message = number === undefined ? undefined : this.#messages.get(number);
    if (number !== undefined && message?.id === id) return { number, message };
    throw new ProtocolError("not_found", "Message not found.");
  }

  #write(number: number, message: DirectMessage): void {
    this.#messages.set(number, message);
    this.#written.add(number);
    this.cost.spend(0, 1, JSON.stringify(message).length);
  }

  #touch(): void {
    if (!this.#touched) this.cost.spend(1, 1, JSON.stringify(this.#head).length);
    this.#touched = true;
  }
}

function notAllowed(message: string): ProtocolError {
  return new ProtocolError("not_allowed", message);
}

function tooManyMembers(limit: number): ProtocolError {
  return new ProtocolError("limit_exceeded", `A topic has at most ${limit} who write on it.`);
}
