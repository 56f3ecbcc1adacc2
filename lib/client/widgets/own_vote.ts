import type { Client } from "../api.ts";

export interface PollName {
  readonly id: string;
  readonly ephemeral: boolean;
}

/** What each client's visitor has voted for, by poll: the server tells nobody who voted for what. */
const votes = new WeakMap<Client, Map<string, string>>();

/** What the visitor has voted for in a poll; this window's from before, if the vote outlasts it. */
export function ownVote(client: Client, poll: PollName): string | undefined {
  const kept = votes.get(client)?.get(keyOf(client, poll));
  if (kept !== undefined || poll.ephemeral) return kept;
  return attempt(() => sessionStorage.getItem(keyOf(client, poll)) ?? undefined);
}

/** Keeps what the visitor has voted for, as long as the session is kept. */
export function keepOwnVote(client: Client, poll: PollName, answer: string | undefined): void {
  const key = keyOf(client, poll);
  const own = votes.get(client) ?? new Map<string, string>();
  votes.set(client, own);
  if (answer === undefined) own.delete(key);
  else own.set(key, answer);
  if (poll.ephemeral) return;
  attempt(() => {
    if (answer === undefined) sessionStorage.removeItem(key);
    else sessionStorage.setItem(key, answer);
  });
}

function keyOf({ room }: Client, { id, ephemeral }: PollName): string {
  return `tallyroom vote ${JSON.stringify([room, ephemeral, id])}`;
}

/** Browsers may refuse to keep anything. */
function attempt<T>(access: () => T): T | undefined {
  try {
    return access();
  } catch {
    return undefined;
  }
}
