import type { Message } from "./api.ts";

/** The waits between attempts: a random share of one that doubles, in milliseconds. */
const FIRST_WAIT_MS = 250;
const LAST_WAIT_MS = 30_000;
/** After how much silence a connection is given up, though it may never close. The server pings. */
const SILENT_MS = 60_000;
/** How long a connection must have lasted for the next attempt to be a first one again. */
const STEADY_MS = 5000;

/** Close codes after which coming back would only end the same. */
const TERMINAL = new Set([4401, 4403]);

/** The reason of an end that was asked for. */
export const CLOSED = "closed";

export interface SocketHandlers {
  /** The address to connect to; asked before every connection. */
  address(): Promise<string>;
  onMessage(message: Message): void;
  /** There is no connection any more; `final` says that none will be sought. */
  onLost(final: boolean, reason: string): void;
}

/** A WebSocket that comes back until it is closed, or told not to. */
export class Socket {
  readonly #handlers: SocketHandlers;
  #socket: WebSocket | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #watchdog: ReturnType<typeof setTimeout> | undefined;
  #attempts = 0;
  #openedAt = 0;
  /** How long the server has asked to be left alone. */
  #drainedMs: number | undefined;
  #ended = false;

  constructor(handlers: SocketHandlers) {
    this.#handlers = handlers;
    globalThis.addEventListener?.("online", this.#hurry);
    // Not in this tick: a framework that mounts twice may close the first again by then.
    this.#connectIn(0);
  }

  get isOpen(): boolean {
    return this.#socket?.readyState === 1;
  }

  send(text: string): void {
    if (this.isOpen) this.#socket!.send(text);
  }

  /** Ends it for good. */
  close(): void {
    this.#end(CLOSED);
  }

  #connectIn(ms: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#connect(), ms);
  }

  async #connect(): Promise<void> {
    this.#timer = undefined;
    let address: string;
    try {
      address = await this.#handlers.address();
      // What gives the token may take its time.
      if (this.#ended) return;
      this.#listen(new WebSocket(address));
    } catch {
      // Nobody was there to give a token: later.
      this.#retry();
    }
  }

  #listen(socket: WebSocket): void {
    this.#socket = socket;
    this.#watch();
    socket.onopen = () => {
      this.#openedAt = Date.now();
      this.#watch();
    };
    socket.onmessage = ({ data }) => {
      this.#watch();
      const frame = JSON.parse(data);
      for (const message of Array.isArray(frame) ? frame : [frame]) {
        // Those who were told of the last may have closed.
        if (this.#socket === socket) this.#receive(message);
      }
    };
    socket.onclose = ({ code, reason }) => {
      if (TERMINAL.has(code)) return this.#end(reason || String(code));
      this.#drop();
      this.#retry();
    };
  }

  #receive(message: Message): void {
    if (message.type === "draining") {
      this.#drainedMs = (message.data as { retry_ms: number }).retry_ms;
    }
    this.#handlers.onMessage(message);
  }

  /** Gives the connection up when nothing comes for too long. */
  #watch(): void {
    clearTimeout(this.#watchdog);
    this.#watchdog = setTimeout(() => {
      this.#drop();
      this.#retry();
    }, SILENT_MS);
  }

  /** Lets go of the connection, which may be anything from not yet open to dead. */
  #drop(): void {
    clearTimeout(this.#watchdog);
    const socket = this.#socket;
    this.#socket = undefined;
    if (!socket) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close();
  }

  #retry(): void {
    if (this.#ended) return;
    this.#handlers.onLost(false, "lost");
    // Those who were told may have closed.
    if (this.#ended) return;
    if (this.#openedAt && Date.now() - this.#openedAt > STEADY_MS) this.#attempts = 0;
    this.#openedAt = 0;
    const most = Math.min(LAST_WAIT_MS, FIRST_WAIT_MS * 2 ** this.#attempts++);
    const wait = this.#drainedMs ?? Math.random() * most;
    this.#drainedMs = undefined;
    this.#connectIn(wait);
  }

  /** The browser is online again. What it had before it may not know yet that it is dead. */
  readonly #hurry = (): void => {
    if (this.#timer !== undefined) this.#connectIn(0);
  };

  #end(reason: string): void {
    if (this.#ended) return;
    this.#ended = true;
    clearTimeout(this.#timer);
    globalThis.removeEventListener?.("online", this.#hurry);
    this.#drop();
    this.#handlers.onLost(true, reason);
  }
}
