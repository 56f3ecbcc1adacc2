import type { Client } from "../api.ts";

/** What each room's visitor is to be called, by the client that is to say it. */
const names = new WeakMap<Client, string>();

/**
 * Has a client say its visitor's name, now and over each connection to which it is unknown. An empty
 * one makes a guest of it again.
 */
export function introduce(client: Client, name: string): void {
  if (names.get(client) === name) return;
  const known = names.has(client);
  names.set(client, name);
  if (client.isConnected) say(client);
  if (known) return;
  client.onStatusChange(({ previousStatus }) => {
    if (previousStatus === "CONNECTING") say(client);
  });
}

async function say(client: Client): Promise<void> {
  try {
    const { properties } = await client.profile();
    const { name: before = "", ...others } = properties;
    const name = names.get(client)!;
    if (before !== name) await client.login(name === "" ? others : { ...others, name });
  } catch {
    // Without a name its visitor is a guest.
  }
}
