import type { Client } from "../api.ts";
import { createClient } from "../client.ts";

interface Shared {
  readonly client: Client;
  holders: number;
}

/** How long a client that no widget holds any more is kept: widgets may be moved in the page. */
const KEPT_MS = 1000;

const clients = new Map<string, Shared>();

/** The client of a room, which all of a page's widgets in that room share. */
export function holdClient(endPoint: string, room: string): Client {
  const name = JSON.stringify([endPoint, room]);
  let shared = clients.get(name);
  if (!shared) {
    shared = { client: createClient({ endPoint, room }), holders: 0 };
    clients.set(name, shared);
  }
  shared.holders++;
  return shared.client;
}

/** Gives a client back, once for each time that it was held. */
export function releaseClient(client: Client): void {
  for (const [name, shared] of clients) {
    if (shared.client !== client) continue;
    shared.holders--;
    setTimeout(() => {
      if (shared.holders > 0 || clients.get(name) !== shared) return;
      clients.delete(name);
      client.close();
    }, KEPT_MS);
  }
}
