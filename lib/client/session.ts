import type { ClientOptions } from "./api.ts";
import { randomId } from "./random.ts";

/** A session's id, and where it is kept for the next time. */
export interface KeptSession {
  readonly id: string;
  keep(id: string): void;
}

/** The session to come back to, or a new one. */
export function keptSession({ endPoint, session, storage }: ClientOptions): KeptSession {
  const name = `tallyroom session ${new URL(endPoint).host}`;
  const place = storage === undefined ? windowStorage() : storage;
  return {
    id: session ?? attempt(() => place?.getItem(name)) ?? randomId(),
    keep: (id) => attempt(() => place?.setItem(name, id)),
  };
}

/** What the window keeps for itself alone: two windows are two sessions, and so two voters. */
function windowStorage(): Storage | undefined {
  return attempt(() => globalThis.sessionStorage);
}

/** Without storage, or where a browser refuses it, each page is a new visitor. */
function attempt<T>(access: () => T): T | undefined {
  try {
    return access() ?? undefined;
  } catch {
    return undefined;
  }
}
