import type { Failure, Json, Message } from "./api.ts";
import { randomId } from "./random.ts";

/** How many messages may wait for their answers. */
const MAX_WAITING = 100;

interface Waiting {
  readonly message: Message;
  /** The message as it was when it was given, whatever has become of it since. */
  readonly text: string;
  readonly resolve: (data: Json) => void;
  readonly reject: (failure: Failure) => void;
}

/** Messages that have not been answered: sent again over each new connection, until they are. */
export class Outgoing {
  readonly #waiting = new Map<string, Waiting>();
  readonly #transmit: (text: string) => void;
  #ended: string | undefined;

  constructor(transmit: (text: string) => void) {
    this.#transmit = transmit;
  }

  /** Sends a message until it is answered. By its key it has its effect once all the same. */
  send(action: Message): Promise<Json> {
    const id = randomId();
    const message = { ...action, key: action.key ?? randomId() };
    return new Promise((resolve, reject) => {
      const refuse = (code: string, text: string): void => {
        reject(this.#failure(message, code, text));
      };
      if (this.#ended !== undefined) return refuse("closed", this.#ended);
      if (this.#waiting.size >= MAX_WAITING) {
        return refuse("overflow", "Too much waits to be sent.");
      }
      // The server would answer neither.
      if (message.type === undefined && message.event === undefined) {
        return refuse("invalid_message", "A message has a type or an event.");
      }
      let text: string;
      try {
        text = JSON.stringify({ ...message, id });
      } catch (error) {
        return refuse("invalid_message", String(error));
      }
      this.#waiting.set(id, { message, text, resolve, reject });
      this.#transmit(text);
    });
  }

  /** Sends again what has not been answered. */
  resend(): void {
    for (const { text } of this.#waiting.values()) this.#transmit(text);
  }

  /** Takes an answer; whether anything waited for it. */
  settle({ type, id, data }: Message): boolean {
    const waiting = this.#waiting.get(String(id));
    if (!waiting) return false;
    this.#waiting.delete(String(id));
    if (type === "ack") {
      waiting.resolve(data ?? null);
    } else {
      const { code, message, path } = data as { code: string; message: string; path?: string };
      waiting.reject(this.#failure(waiting.message, code, message, path));
    }
    return true;
  }

  /**
   * Takes the largest message as the one that an error is about which names none: sent again, it
   * would end each connection. Whether anything waited.
   */
  refuseLargest(error: Json): boolean {
    const sizes = [...this.#waiting].map(([id, { text }]) => ({ id, size: sizeOf(text) }));
    const largest = sizes.sort((a, b) => b.size - a.size)[0];
    return largest !== undefined && this.settle({ type: "error", id: largest.id, data: error });
  }

  /** Lets nothing wait any longer. */
  end(reason: string): void {
    this.#ended = reason;
    for (const { message, reject } of this.#waiting.values()) {
      reject(this.#failure(message, "closed", reason));
    }
    this.#waiting.clear();
  }

  #failure(action: Message, code: string, text: string, path?: string): Failure {
    const error = Object.assign(new Error(text), { code, path });
    return { error, action, retry: () => this.send(action) };
  }
}

/** How many bytes a text takes. */
function sizeOf(text: string): number {
  return new TextEncoder().encode(text).length;
}
