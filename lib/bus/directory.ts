import type { Targets } from "../hub/targets.ts";
import type { AddressKind, AtRecord, Status } from "../protocol/target.ts";
import { keys } from "../store/keys.ts";
import type { Store } from "../store/store.ts";

/** How many addresses are written at a time. */
const CHUNK = 50;

type Address = readonly [kind: AddressKind, id: string];

/**
 * Where connections are to be found by their user, channel or client id. Each isolate writes what it
 * has under an address. Of users it then reads who else has them, and tells those: of two at once,
 * the later sees both. While an isolate is alone it does nothing of this.
 */
export class Directory {
  readonly #dirty = new Map<string, Address>();
  /** Those that others may read. */
  readonly #written = new Set<string>();
  #active = false;
  #running = false;
  #closed = false;

  /** @param self names this isolate among its peers. */
  constructor(readonly store: Store, readonly targets: Targets, readonly self: () => string) {
    targets.onAddress = (kind, id) => this.#changed([kind, id]);
  }

  /** Begins to write, with all that is here, when there is somebody to read it. */
  activate(active: boolean): void {
    const begins = active && !this.#active;
    this.#active = active;
    if (begins) this.renew();
  }

  /** Writes everything anew. */
  renew(): void {
    this.#written.clear();
    for (const address of this.targets.addresses()) this.#changed(address);
  }

  /** Reads what others have of a user who is here. */
  async look(user: string): Promise<void> {
    const found = await this.#read(["user", user]);
    this.targets.users.heard(user, statuses(found));
  }

  /** Whether a user has no connection on any isolate. */
  async isOffline(user: string): Promise<boolean> {
    const { users } = this.targets;
    return users.here(user) === "OFFLINE" && (await this.#read(["user", user])).size === 0;
  }

  close(): void {
    this.#closed = true;
  }

  #changed(address: Address): void {
    const name = JSON.stringify(address);
    if (this.#closed || !this.#active && !this.#written.has(name)) return;
    this.#dirty.set(name, address);
    if (this.#running) return;
    this.#running = true;
    this.#passes();
  }

  async #passes(): Promise<void> {
    // Whatever this tick still brings is written together.
    await Promise.resolve();
    while (this.#dirty.size > 0 && !this.#closed) {
      const some = [...this.#dirty].slice(0, CHUNK);
      for (const [name] of some) this.#dirty.delete(name);
      try {
        await this.#write(some.map(([, address]) => address));
      } catch {
        for (const [name, address] of some) this.#dirty.set(name, address);
        await this.store.retry();
      }
    }
    this.#running = false;
  }

  async #write(addresses: readonly Address[]): Promise<void> {
    const self = this.self();
    const records = addresses.map(([kind, id]) => this.targets.record(kind, id));
    await this.store.commit((atomic) => {
      addresses.forEach(([kind, id], i) => {
        const [key, joined] = [keys.at(kind, id, self), keys.joinedAt(self, kind, id)];
        if (records[i]) atomic.set(key, records[i]).set(joined, 0);
        else atomic.delete(key).delete(joined);
      });
    });
    addresses.forEach((address, i) => {
      if (records[i]) this.#written.add(JSON.stringify(address));
      else this.#written.delete(JSON.stringify(address));
    });
    await this.#tellOthers(addresses.filter(([kind]) => kind === "user"));
  }

  async #tellOthers(users: readonly Address[]): Promise<void> {
    const others: [peer: string, user: string][] = [];
    await Promise.all(users.map(async ([kind, id]) => {
      const found = await this.#read([kind, id]);
      this.targets.users.heard(id, statuses(found));
      for (const peer of found.keys()) others.push([peer, id]);
    }));
    for (let i = 0; i < others.length; i += CHUNK) {
      const some = others.slice(i, i + CHUNK);
      await this.store.commit((atomic) => {
        for (const [peer, user] of some) {
          atomic.set(keys.userMark(peer, user), 0).set(keys.bell(peer), 0);
        }
      });
    }
  }

  /** What others have under an address, by isolate. */
  async #read([kind, id]: Address): Promise<Map<string, AtRecord>> {
    const prefix = keys.atAll(kind, id);
    const entries = await this.store.list<AtRecord>({ prefix }, { limit: 1000 });
    const self = this.self();
    return new Map(
      entries.map(({ key, value }) => [String(key.at(-1)), value] as const)
        .filter(([peer]) => peer !== self),
    );
  }
}

function statuses(records: ReadonlyMap<string, AtRecord>): Map<string, Status> {
  return new Map([...records].map(([peer, { status }]) => [peer, status]));
}
