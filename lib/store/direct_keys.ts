/** Which thread: its kind, then the ids of its two users in order, or a topic's alone. */
interface ThreadName {
  readonly kind: "dm" | "topic";
  readonly ids: readonly string[];
}

/** Where a thread stands. Every change to it is made by a commit that checks this. */
export interface ThreadHead {
  /** The newest message's number; numbers are given once. */
  readonly newest: number;
  /** How many messages there are. */
  readonly count: number;
  /** The number of the latest message there is, and when it was sent; 0 where there is none. */
  readonly latest: number;
  readonly at: number;
  /** Those in whose inboxes the thread is. */
  readonly members: readonly string[];
}

/** Where the messages outside rooms lie in the store, under one domain. */
export class DirectKeys {
  constructor(readonly domain: string) {}

  /** {@linkcode ThreadHead} */
  head({ kind, ids }: ThreadName): Deno.KvKey {
    return ["direct", this.domain, "head", kind, ...ids];
  }

  /** A message, by its number in its thread. */
  message(thread: ThreadName, number: number): Deno.KvKey {
    return [...this.messages(thread), number];
  }

  messages({ kind, ids }: ThreadName): Deno.KvKey {
    return ["direct", this.domain, "message", kind, ...ids];
  }

  /** That a user is one of a thread's members: where the thread stands, its head alone tells. */
  inboxEntry(user: string, { kind, ids }: ThreadName): Deno.KvKey {
    return [...this.inbox(user), kind, ...ids];
  }

  inbox(user: string): Deno.KvKey {
    return ["direct", this.domain, "inbox", user];
  }

  /** An `OnceRecord`: the id of the message that a user has sent to a thread with a key. */
  once(user: string, { kind, ids }: ThreadName, key: string): Deno.KvKey {
    return ["direct", this.domain, "once", user, kind, ...ids, key];
  }
}
