import type { Target } from "../protocol/target.ts";
import { inboxKey, type Thread, threadKey } from "./conversation.ts";
import type { Action } from "./job.ts";
import { type DirectMessage, shownEntry } from "./message.ts";

/** What connected users are told of an action. */
export interface Announcement {
  readonly target: Target;
  /** Made when somebody is there to be told. */
  readonly frame: () => string;
}

const TYPES: Record<Action["kind"], string> = {
  send: "new-message",
  edit: "update-message",
  delete: "delete-message",
};

/** Tells the users of a thread of an action: each by what the thread is called in its inbox. */
export function announcements(
  domain: string,
  thread: Thread,
  members: readonly string[],
  kind: Action["kind"],
  message: DirectMessage,
): Announcement[] {
  const type = TYPES[kind];
  const key = threadKey(domain, thread);
  const frame = (user: string) => (): string => {
    const data = kind === "delete" ? { id: message.id } : shownEntry(message);
    return JSON.stringify({ type, data, state: { key, inbox_key: inboxKey(thread, user) } });
  };
  if (thread.kind === "topic") {
    return [{ target: { kind: "user", ids: members }, frame: frame("") }];
  }
  return [...new Set(thread.ids)].map((user) => {
    return { target: { kind: "user", ids: [user] }, frame: frame(user) };
  });
}
