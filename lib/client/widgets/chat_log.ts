import type { Author, Client, Json } from "../api.ts";

/** How many past messages are asked for. */
const HISTORY = 50;
/** How many messages are kept in the page. */
export const MAX_SHOWN = 10_000;

export interface Entry {
  readonly user: Author;
  readonly message: Json;
  /** Whether messages before this one are missing. */
  readonly gap: boolean;
}

interface Log {
  readonly entries: Entry[];
  readonly listeners: Set<(entry: Entry) => void>;
  readonly end: () => void;
}

/** What has been said in a client's room, for as long as a chat shows it. */
const logs = new WeakMap<Client, Log>();

/**
 * Calls `listener` with each message in the room, first with those that other chats of the page
 * have; returns what ends it.
 */
export function followChat(client: Client, listener: (entry: Entry) => void): () => void {
  let log = logs.get(client);
  if (!log) logs.set(client, log = openLog(client));
  const { entries, listeners, end } = log;
  for (const entry of entries) listener(entry);
  listeners.add(listener);
  return () => {
    listeners.delete(listener);
    if (listeners.size > 0) return;
    logs.delete(client);
    end();
  };
}

function openLog(client: Client): Log {
  const entries: Entry[] = [];
  const listeners: Log["listeners"] = new Set();
  let gap = false;
  const missed = ({ event }: { event: string }): void => {
    if (event === "chat") gap = entries.length > 0;
  };
  client.on("incomplete", missed);
  const unsubscribe = client.subscribe("chat", ({ user, message }) => {
    const entry = { user, message, gap };
    gap = false;
    entries.push(entry);
    if (entries.length > MAX_SHOWN) entries.shift();
    for (const listener of listeners) listener(entry);
  }, { history: HISTORY });
  const end = (): void => {
    unsubscribe();
    client.off("incomplete", missed);
  };
  return { entries, listeners, end };
}
