import type { Json } from "../protocol/json.ts";
import { type HeldPath, type HeldWrite, type Holder, Holdings, MAX_WRITES } from "./holdings.ts";
import { Mirror } from "./mirror.ts";
import type { Outside } from "./outside.ts";
import type { Room } from "./room.ts";

/** How long somebody who asks who is in the room waits for other isolates to tell, in milliseconds. */
const READY_MS = 1000;

/** What the isolates in a room show each other of what they hold for their connections there. */
export class Sharing {
  /** Whether this isolate is on the room's roster. */
  joined = false;
  /** The other isolates on it. */
  others: readonly string[] = [];
  readonly #holdings: Holdings;
  readonly #mirror: Mirror;

  constructor(
    room: Room,
    holder: Holder,
    readonly outside: Outside,
    onHeld: (peer: string, path: HeldPath, value: Json | undefined) => void,
  ) {
    const whenBack = (): Promise<void> => outside.whenBack();
    this.#holdings = new Holdings(holder, (writes) => outside.publish(room, writes), whenBack);
    this.#mirror = new Mirror((refs) => outside.read(room.name, refs), whenBack, onHeld);
  }

  /** Takes the room's roster over. */
  meet(roster: readonly string[]): void {
    const { self } = this.outside;
    this.joined = roster.includes(self);
    if (!this.joined) this.#holdings.reset();
    const others = this.joined ? roster.filter((peer) => peer !== self) : [];
    const same = others.length === this.others.length &&
      others.every((peer) => this.others.includes(peer));
    if (same) return;
    this.others = others;
    this.#holdings.share(others.length > 0);
    this.#mirror.retain(others);
  }

  /** The change that takes this isolate out of the room; not yet, while too much is still shown. */
  leave(): { held?: readonly HeldWrite[]; leave?: true } {
    const held = this.#holdings.withdrawal();
    return held.length <= MAX_WRITES ? { held, leave: true } : {};
  }

  /** Looks at everything again, and shows everything again, after others may have missed it. */
  refresh(): void {
    this.#mirror.refreshAll();
    this.#holdings.renew();
  }

  /** Notes that what is held here at `path` may have changed. */
  changed(...path: HeldPath): void {
    this.#holdings.changed(path);
  }

  /** Looks again at what a peer holds. */
  look(peer: string, path?: HeldPath): void {
    this.#mirror.refresh({ peer, path });
  }

  /** Resolves when what the others hold is known, or they take too long over it. */
  known(): Promise<void> {
    return this.#mirror.ready(READY_MS);
  }
}
