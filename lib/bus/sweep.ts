import { type AliveRecord, keys, type Mark } from "../store/keys.ts";
import type { AddressKind } from "../protocol/target.ts";
import type { Store } from "../store/store.ts";

/** How much is listed and deleted at a time. */
const CHUNK = 200;

/**
 * Clears up after an isolate that is dead: its users, its places in rooms, and what it held there.
 * Whoever is left is told. Safe to be cut off, to run twice, and to run in several isolates at once;
 * the record of the dead one's life goes last, so that somebody will always take it up again.
 */
export async function sweep(store: Store, peer: string): Promise<void> {
  await declareDead(store, peer);
  // Users before rooms: who misses somebody in a room looks whether they are elsewhere.
  await each(store, keys.joinedAll(peer), (key) => sweepAddress(store, peer, key));
  await each(store, keys.joinedRooms(peer), (key) => sweepRoom(store, peer, String(key[3]), key));
  await each(store, keys.inbox(peer));
  await store.commit((atomic) => atomic.delete(keys.bell(peer)).delete(keys.alive(peer)));
}

/** From here on the isolate, should it still live, knows that it must begin anew. */
async function declareDead(store: Store, peer: string): Promise<void> {
  const key = keys.alive(peer);
  const { value, versionstamp } = await store.get<AliveRecord>(key);
  if (!value || value.dead) return;
  await store.commit((atomic) => {
    atomic.check({ key, versionstamp }).set(key, { ...value, dead: true });
  });
}

async function sweepRoom(
  store: Store,
  peer: string,
  room: string,
  joined: Deno.KvKey,
): Promise<void> {
  while (true) {
    const key = keys.roster(room);
    const { value, versionstamp } = await store.get<string[]>(key);
    if (!value?.includes(peer)) break;
    const rest = value.filter((other) => other !== peer);
    const mark: Mark = ["roster"];
    const result = await store.commit((atomic) => {
      atomic.check({ key, versionstamp });
      if (rest.length === 0) atomic.delete(key);
      else atomic.set(key, rest);
      for (const other of rest) {
        atomic.set(keys.mark(other, room, mark), rest).set(keys.bell(other), 0);
      }
    });
    if (result.ok) break;
  }
  await each(store, keys.holdings(room, peer));
  await store.commit((atomic) => atomic.delete(joined));
}

async function sweepAddress(store: Store, peer: string, joined: Deno.KvKey): Promise<void> {
  const kind = joined[3] as AddressKind;
  const id = String(joined[4]);
  await store.commit((atomic) => atomic.delete(keys.at(kind, id, peer)));
  const users = { prefix: keys.atAll("user", id) };
  const others = kind === "user" ? await store.list(users, { limit: CHUNK }) : [];
  await store.commit((atomic) => {
    atomic.delete(joined);
    for (const { key } of others) {
      const other = String(key.at(-1));
      atomic.set(keys.userMark(other, id), 0).set(keys.bell(other), 0);
    }
  });
}

/** Does something with every key below `prefix`; without `act`, deletes them. */
async function each(
  store: Store,
  prefix: Deno.KvKey,
  act?: (key: Deno.KvKey) => Promise<void>,
): Promise<void> {
  while (true) {
    const entries = await store.list({ prefix }, { limit: CHUNK });
    if (act) await Promise.all(entries.map(({ key }) => act(key)));
    else if (entries.length > 0) {
      await store.commit((atomic) => entries.forEach(({ key }) => atomic.delete(key)));
    }
    if (entries.length < CHUNK) return;
  }
}
