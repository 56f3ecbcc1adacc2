import { pause } from "../pause.ts";
import { type CloseReason, CloseReasons } from "../protocol/close_codes.ts";

/** What an outbox needs of a socket. */
export interface Sink {
  readonly bufferedAmount: number;
  send(data: string): void;
  close(code: number, reason: string): void;
}

export interface OutboxOptions {
  /** Unsent bytes past which the reader is too slow to be kept. */
  readonly maxBufferedBytes: number;
  /** Whether several messages may go out as one frame, a JSON array of them. */
  readonly batch: boolean;
  /** Told when the outbox closes, be it that it has given its reader up. */
  readonly owner: { leave(): void };
}

const MAX_DRAIN_PAUSE_MS = 32;
const DRAIN_DEADLINE_MS = 30_000;

/**
 * One member's way out. The runtime queues whatever is sent without bound, so this watches the
 * bytes that have not left, and closes a reader that falls too far behind: it costs nobody else.
 */
export class Outbox {
  readonly #sink: Sink;
  readonly #owner: OutboxOptions["owner"];
  readonly #maxBufferedBytes: number;
  readonly #batch: boolean;
  /** How much may be sent before the unsent bytes are worth a look, which is a call to the runtime. */
  readonly #checkEvery: number;
  #unchecked = 0;
  #pending: string[] | undefined;
  #closed = false;

  constructor(sink: Sink, { owner, maxBufferedBytes, batch }: OutboxOptions) {
    this.#sink = sink;
    this.#owner = owner;
    this.#maxBufferedBytes = maxBufferedBytes;
    this.#batch = batch;
    this.#checkEvery = maxBufferedBytes >> 4;
  }

  /** Sends one message, given as its JSON text. After the close it does nothing. */
  send(frame: string): void {
    if (!this.#batch) return this.#write(frame);
    if (this.#pending) {
      this.#pending.push(frame);
      return;
    }
    this.#pending = [frame];
    queueMicrotask(() => this.#flush());
  }

  /** Sends any text, in a frame of its own. */
  sendAlone(text: string): void {
    this.#flush();
    this.#write(text);
  }

  /** The length of a message that no reader is too slow for, if it is the only one. */
  get ampleLength(): number {
    return this.#maxBufferedBytes >> 2;
  }

  /** Whether unsent bytes pile up; what is worthless a second later is then better left unsent. */
  get congested(): boolean {
    return this.#sink.bufferedAmount > this.#checkEvery;
  }

  /** Whether so much is unsent that senders of much should wait until it has {@linkcode drained}. */
  get full(): boolean {
    return this.#sink.bufferedAmount > this.#maxBufferedBytes >> 2;
  }

  /**
   * Resolves once the outbox is not full, for senders of much. A reader that takes too long over it
   * is closed as too slow.
   *
   * @returns whether the outbox is still open.
   */
  async drained(): Promise<boolean> {
    const giveUpAt = performance.now() + DRAIN_DEADLINE_MS;
    let pauseMs = 1;
    while (!this.#closed && this.full) {
      if (performance.now() > giveUpAt) this.close(CloseReasons.tooSlow);
      await pause(pauseMs);
      pauseMs = Math.min(MAX_DRAIN_PAUSE_MS, pauseMs * 2);
    }
    return !this.#closed;
  }

  /**
   * Closes for `reason`, after what was sent. The second time it does nothing.
   *
   * @param ready when the socket itself may be closed, if not at once; nothing is sent meanwhile.
   */
  close(reason: CloseReason, ready?: Promise<void>): void {
    if (this.#closed) return;
    this.#flush();
    this.#closed = true;
    if (ready) ready.then(() => this.#closeSink(reason));
    else this.#closeSink(reason);
    this.#owner.leave();
  }

  #closeSink({ code, reason }: CloseReason): void {
    try {
      this.#sink.close(code, reason);
    } catch {
      // The socket is gone already, which is what was wanted.
    }
  }

  /** Sends nothing more, for a socket that has closed by itself: closing it again would be seen. */
  end(): void {
    this.#closed = true;
  }

  #flush(): void {
    const frames = this.#pending;
    this.#pending = undefined;
    if (!frames) return;
    this.#write(frames.length === 1 ? frames[0]! : `[${frames.join(",")}]`);
  }

  #write(frame: string): void {
    if (this.#closed) return;
    try {
      this.#sink.send(frame);
    } catch {
      // The socket is closing; its close event, which is on its way, ends the membership.
      return;
    }
    this.#unchecked += frame.length;
    if (this.#unchecked < this.#checkEvery) return;
    this.#unchecked = 0;
    if (this.#sink.bufferedAmount > this.#maxBufferedBytes) {
      this.close(CloseReasons.tooSlow);
    }
  }
}
