import type { Json } from "../protocol/json.ts";
import type { Held, HeldPath, HeldRef } from "./holdings.ts";

/** Told of what a peer has come to hold, or holds no more. */
export type OnHeld = (peer: string, path: HeldPath, value: Json | undefined) => void;

/**
 * What other isolates hold in a room, as far as it has been read. One reading is under way at a
 * time, and each begins after what it was asked for, so nothing older overwrites what is newer.
 */
export class Mirror {
  readonly #peers = new Map<string, Map<string, string>>();
  #wanted = new Map<string, HeldRef>();
  #running = false;
  /** Set while something that peers hold has not been read. */
  #awaited: PromiseWithResolvers<void> | undefined;

  constructor(
    readonly read: (refs: readonly HeldRef[]) => Promise<Held[][]>,
    readonly whenBack: () => Promise<void>,
    readonly onHeld: OnHeld,
  ) {}

  /** Keeps to `peers`: of new ones all is read, and of those that are gone all is dropped. */
  retain(peers: readonly string[]): void {
    for (const peer of [...this.#peers.keys()]) {
      if (peers.includes(peer)) continue;
      this.#replace(peer, []);
      this.#peers.delete(peer);
    }
    for (const peer of peers) {
      if (this.#peers.has(peer)) continue;
      this.#peers.set(peer, new Map());
      this.refresh({ peer });
    }
    this.#checkReady();
  }

  /** Reads again what a peer holds at a path; without one, all. */
  refresh(ref: HeldRef): void {
    if (!this.#peers.has(ref.peer)) return;
    this.#wanted.set(JSON.stringify([ref.peer, ref.path]), ref);
    if (this.#running) return;
    this.#running = true;
    this.#passes();
  }

  refreshAll(): void {
    for (const peer of this.#peers.keys()) this.refresh({ peer });
  }

  /** Resolves when all that every peer holds has been read, or after `ms` milliseconds. */
  async ready(ms: number): Promise<void> {
    if (!this.#awaited) return;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<void>((resolve) => timer = setTimeout(resolve, ms));
    await Promise.race([this.#awaited.promise, late]);
    clearTimeout(timer);
  }

  async #passes(): Promise<void> {
    while (this.#wanted.size > 0) {
      const refs = [...this.#wanted.values()];
      this.#wanted = new Map();
      try {
        const found = await this.read(refs);
        refs.forEach((ref, i) => this.#take(ref, found[i]!));
      } catch {
        for (const ref of refs) this.#wanted.set(JSON.stringify([ref.peer, ref.path]), ref);
        await this.whenBack();
      }
    }
    this.#running = false;
    this.#checkReady();
  }

  #take({ peer, path }: HeldRef, found: readonly Held[]): void {
    if (!this.#peers.has(peer)) return;
    if (path) this.#apply(peer, path, found[0]?.value);
    else this.#replace(peer, found);
  }

  #replace(peer: string, found: readonly Held[]): void {
    const gone = new Set(this.#peers.get(peer)!.keys());
    for (const { path, value } of found) {
      gone.delete(JSON.stringify(path));
      this.#apply(peer, path, value);
    }
    for (const name of gone) this.#apply(peer, JSON.parse(name), undefined);
  }

  #apply(peer: string, path: HeldPath, value: Json | undefined): void {
    const held = this.#peers.get(peer)!;
    const name = JSON.stringify(path);
    const text = value === undefined ? undefined : JSON.stringify(value);
    if (held.get(name) === text) return;
    if (text === undefined) held.delete(name);
    else held.set(name, text);
    this.onHeld(peer, path, value);
  }

  #checkReady(): void {
    const ready = [...this.#peers.values()].every((held) => held.has('["ready"]'));
    if (!ready) {
      this.#awaited ??= Promise.withResolvers();
      return;
    }
    this.#awaited?.resolve();
    this.#awaited = undefined;
  }
}
