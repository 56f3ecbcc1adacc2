import { hash } from "../hash.ts";
import { keys, type MailFields } from "../store/keys.ts";
import type { Store } from "../store/store.ts";
import { pieceCount, setText } from "../store/text.ts";
import { pause } from "../pause.ts";

interface Signal {
  readonly to: readonly string[];
  readonly room: string;
  readonly topic: string;
  readonly sender: string;
  readonly frame: string;
}

/** What goes into one commit, and how long it is then quiet. */
const MAX_MUTATIONS = 300;
const MAX_LENGTH = 100_000;
const PAUSE_MS = 10;
/** How long a signal lies before it is forgotten. */
export const SIGNAL_MS = 5000;

/**
 * Takes signals to isolates that only the store reaches. Of a sender's signals of one kind only the
 * newest goes; while the store is away, none.
 */
export class Signals {
  readonly #waiting = new Map<string, Signal>();
  #running = false;

  constructor(readonly store: Store, readonly now: () => number) {}

  send(signal: Signal): void {
    if (this.store.away || signal.to.length === 0) return;
    this.#waiting.set(JSON.stringify([signal.room, signal.topic, signal.sender]), signal);
    if (this.#running) return;
    this.#running = true;
    this.#passes();
  }

  async #passes(): Promise<void> {
    while (this.#waiting.size > 0) {
      const signals = this.#take();
      try {
        await this.store.commit((atomic) => this.#fill(atomic, signals));
      } catch {
        // What is lost is worthless by now.
        this.#waiting.clear();
      }
      await pause(PAUSE_MS);
    }
    this.#running = false;
  }

  #take(): Signal[] {
    const taken: Signal[] = [];
    let mutations = 0;
    let length = 0;
    for (const [name, signal] of this.#waiting) {
      const { to, frame } = signal;
      mutations += to.length * (1 + pieceCount(frame));
      length += to.length * frame.length;
      if (taken.length > 0 && (mutations > MAX_MUTATIONS || length > MAX_LENGTH)) break;
      this.#waiting.delete(name);
      // One that is too much by itself is left out, as under any load.
      if (length <= 3 * MAX_LENGTH) taken.push(signal);
    }
    return taken;
  }

  #fill(atomic: Deno.AtomicOperation, signals: readonly Signal[]): void {
    const at = this.now();
    for (const { to, room, topic, sender, frame } of signals) {
      const fields: MailFields = { room, kind: "signal", about: topic, at };
      for (const peer of to) {
        // A newer one takes the place of an older one of the same sender and topic.
        const key = keys.mail(peer, sender, hash(topic));
        setText(atomic, key, { fields, text: frame }, { expireIn: SIGNAL_MS });
        atomic.set(keys.bell(peer), at);
      }
    }
  }
}
