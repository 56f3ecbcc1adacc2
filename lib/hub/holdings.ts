import type { Json } from "../protocol/json.ts";

/**
 * One thing that an isolate holds for its connections in a room: `["member", clientId]`,
 * `["vote", poll, session]`, `["relay", type]`, or `["ready"]` once all is there to be seen. It goes
 * with the isolate.
 */
export type HeldPath = readonly [kind: "member" | "vote" | "relay" | "ready", ...string[]];

export interface Held {
  readonly path: HeldPath;
  readonly value: Json;
}

/** What a peer holds under a path; without one, all of it. */
export interface HeldRef {
  readonly peer: string;
  readonly path?: HeldPath;
}

/** A thing as it shall be; `undefined`: gone. */
export interface HeldWrite {
  readonly path: HeldPath;
  readonly value: Json | undefined;
}

/** Knows what is held here. */
export interface Holder {
  /** What is held at a path now. */
  holding(path: HeldPath): Json | undefined;
  /** The paths of all that is held. */
  paths(): Iterable<HeldPath>;
}

/** How much is written at a time: things, and characters of them. */
export const MAX_WRITES = 100;
export const MAX_WRITES_LENGTH = 50_000;
const READY: HeldPath = ["ready"];

/**
 * Keeps what others see of this isolate's holdings in a room in step with what they are, while there
 * are others; alone, it writes nothing. One writing is under way at a time, and each writes the newest.
 */
export class Holdings {
  /** What others see: by path, as JSON texts. */
  #published = new Map<string, string>();
  readonly #dirty = new Set<string>();
  #shared = false;
  #running = false;

  constructor(
    readonly holder: Holder,
    readonly publish: (writes: () => readonly HeldWrite[]) => Promise<void>,
    readonly whenBack: () => Promise<void>,
  ) {}

  /** Begins to show what is held, or ends it. */
  share(shared: boolean): void {
    if (shared === this.#shared) return;
    this.#shared = shared;
    this.#dirtyAll();
  }

  /** Shows all anew, where it may have been taken away. */
  renew(): void {
    this.#published.clear();
    this.#dirtyAll();
  }

  /** What takes away all that is shown. */
  withdrawal(): HeldWrite[] {
    return [...this.#published.keys()].map((name) => ({
      path: JSON.parse(name),
      value: undefined,
    }));
  }

  /** Begins anew: nothing is shown any more. */
  reset(): void {
    this.#shared = false;
    this.#published.clear();
    this.#dirty.clear();
  }

  /** Notes that what is held at `path` may have changed. */
  changed(path: HeldPath): void {
    if (!this.#shared) return;
    this.#dirty.add(JSON.stringify(path));
    this.#run();
  }

  #dirtyAll(): void {
    for (const name of this.#published.keys()) this.#dirty.add(name);
    if (this.#shared) {
      for (const path of this.holder.paths()) this.#dirty.add(JSON.stringify(path));
      this.#dirty.add(JSON.stringify(READY));
    }
    this.#run();
  }

  #run(): void {
    if (this.#running || this.#dirty.size === 0) return;
    this.#running = true;
    this.#passes();
  }

  async #passes(): Promise<void> {
    while (this.#dirty.size > 0) {
      let writes: HeldWrite[] = [];
      try {
        await this.publish(() => writes = this.#due());
      } catch {
        await this.whenBack();
        continue;
      }
      for (const { path, value } of writes) {
        const name = JSON.stringify(path);
        if (value === undefined) this.#published.delete(name);
        else this.#published.set(name, JSON.stringify(value));
      }
      // What has changed again since is still due.
      for (const name of [...this.#dirty]) if (!this.#differs(name)) this.#dirty.delete(name);
    }
    this.#running = false;
  }

  #due(): HeldWrite[] {
    const writes: HeldWrite[] = [];
    let length = 0;
    for (const name of this.#dirty) {
      if (writes.length === MAX_WRITES || length >= MAX_WRITES_LENGTH) break;
      if (!this.#differs(name)) continue;
      const path = JSON.parse(name);
      const value = this.#now(path);
      length += name.length + (JSON.stringify(value) ?? "").length;
      writes.push({ path, value });
    }
    return writes;
  }

  #differs(name: string): boolean {
    const value = this.#now(JSON.parse(name));
    return this.#published.get(name) !== (value === undefined ? undefined : JSON.stringify(value));
  }

  #now(path: HeldPath): Json | undefined {
    if (!this.#shared) return undefined;
    return path[0] === "ready" ? true : this.holder.holding(path);
  }
}
