/** Where messages outside rooms lie: between two users, or on a topic. */
export interface Thread {
  readonly kind: "dm" | "topic";
  /** Both users' ids in order, or the topic's alone. */
  readonly ids: readonly string[];
}

/** Ids that are whole numbers are told as numbers: systems that have such had them first. */
const WHOLE_NUMBER = /^(0|[1-9]\d{0,14})$/;

/** An id as clients are told it. Within the server all ids are text, so `7` and `"7"` are one. */
export function shownId(id: string): string | number {
  return WHOLE_NUMBER.test(id) ? Number(id) : id;
}

/** The thread between two users, whichever of them asks for it. */
export function threadBetween(one: string, other: string): Thread {
  return { kind: "dm", ids: inOrder(one, other) ? [one, other] : [other, one] };
}

export function topicThread(id: string): Thread {
  return { kind: "topic", ids: [id] };
}

/** What a thread is called. */
export function threadKey(domain: string, { kind, ids }: Thread): string {
  return `${domain}:${kind}:${ids.join("-")}`;
}

/** What a thread is called in a user's inbox: `user-…` by the other one's id, or `topic-…`. */
export function inboxKey({ kind, ids }: Thread, user: string): string {
  return kind === "topic" ? `topic-${ids[0]}` : `user-${otherOf(ids, user)}`;
}

/** Of the two users of a thread the one that `user` is not; in a thread with oneself, oneself. */
export function otherOf(ids: readonly string[], user: string): string {
  return ids.find((id) => id !== user) ?? user;
}

function inOrder(one: string, other: string): boolean {
  const numbers = WHOLE_NUMBER.test(one) && WHOLE_NUMBER.test(other);
  return numbers ? Number(one) <= Number(other) : one <= other;
}
