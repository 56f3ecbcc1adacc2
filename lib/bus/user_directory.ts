import type { Status, UserRegistry, Users } from "../hub/users.ts";
import { keys } from "../store/keys.ts";
import type { Store } from "../store/store.ts";

/** How many users are written at a time. */
const CHUNK = 50;

/**
 * Where else a user is connected. Each isolate writes of its own users whether their connections
 * there are active, then reads who else has written of them: of two at once, the later sees both,
 * and tells the other. While an isolate is alone it does nothing of this.
 */
export class UserDirectory implements UserRegistry {
  readonly #dirty = new Set<string>();
  /** Those that others may read of. */
  readonly #written = new Set<string>();
  #active = false;
  #running = false;
  #closed = false;

  /** @param self names this isolate among its peers. */
  constructor(readonly store: Store, readonly users: Users, readonly self: () => string) {}

  /** Begins to write, with all users that are here, when there is somebody to read it. */
  activate(active: boolean): void {
    const begins = active && !this.#active;
    this.#active = active;
    if (begins) this.renew();
  }

  /** Writes all users anew. */
  renew(): void {
    this.#written.clear();
    for (const user of this.users.ids()) this.changed(user);
  }

  changed(user: string): void {
    if (this.#closed || !this.#active && !this.#written.has(user)) return;
    this.#dirty.add(user);
    if (this.#running) return;
    this.#running = true;
    this.#passes().finally(() => this.#running = false);
  }

  /** Reads what others have written of a user who is here. */
  async look(user: string): Promise<void> {
    const entries = await this.#read(user);
    this.users.heard(user, elsewhere(entries, this.self()));
  }

  /** Whether a user has no connection on any isolate. */
  async isOffline(user: string): Promise<boolean> {
    return this.users.here(user) === "OFFLINE" && (await this.#read(user)).length === 0;
  }

  close(): void {
    this.#closed = true;
  }

  async #passes(): Promise<void> {
    // Whatever this tick still brings is written together.
    await Promise.resolve();
    while (this.#dirty.size > 0 && !this.#closed) {
      const users = [...this.#dirty].slice(0, CHUNK);
      for (const user of users) this.#dirty.delete(user);
      try {
        await this.#write(users);
      } catch {
        for (const user of users) this.#dirty.add(user);
        await new Promise((resolve) => setTimeout(resolve, 50));
        await this.store.whenBack();
      }
    }
  }

  async #write(users: readonly string[]): Promise<void> {
    const self = this.self();
    await this.store.commit((atomic) => {
      for (const user of users) {
        const status = this.users.here(user);
        const [key, joined] = [keys.user(user, self), keys.joinedUser(self, user)];
        if (status === "OFFLINE") atomic.delete(key).delete(joined);
        else atomic.set(key, status).set(joined, 0);
      }
    });
    for (const user of users) {
      if (this.users.here(user) === "OFFLINE") this.#written.delete(user);
      else this.#written.add(user);
    }
    const found = await Promise.all(users.map((user) => this.#read(user)));
    const others: [peer: string, user: string][] = [];
    users.forEach((user, i) => {
      const statuses = elsewhere(found[i]!, self);
      this.users.heard(user, statuses);
      for (const peer of statuses.keys()) others.push([peer, user]);
    });
    for (let i = 0; i < others.length; i += CHUNK) {
      const some = others.slice(i, i + CHUNK);
      await this.store.commit((atomic) => {
        for (const [peer, user] of some) {
          atomic.set(keys.userMark(peer, user), 0).set(keys.bell(peer), 0);
        }
      });
    }
  }

  #read(user: string): Promise<Deno.KvEntry<Status>[]> {
    return this.store.list<Status>({ prefix: keys.users(user) }, { limit: 1000 });
  }
}

function elsewhere(entries: readonly Deno.KvEntry<Status>[], self: string): Map<string, Status> {
  const statuses = new Map<string, Status>();
  for (const { key, value } of entries) {
    const peer = String(key[2]);
    if (peer !== self) statuses.set(peer, value);
  }
  return statuses;
}
