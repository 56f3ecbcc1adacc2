import type { Failure, Json, Message } from "./api.ts";
import { randomId } from "./random.ts";

/** How many messages may wait for their answers. */
const MAX_WAITING = 100;

interface Waiting {
  readonly message: Message;
  readonly resolve: (data: Json) => void;
  readonly reject: (failure: Failure) => void;
}

/** Messages that have not been answered: sent again over each new connection, until they are. */
export class Outgoing {
  readonly #waiting = new Map<string, Waiting>();
  readonly #transmit: (message: Message) => void;
  #ended: string | undefined;

  constructor(transmit: (message: Message) => void) {
    this.#transmit = transmit;
  }

  /** Sends a message until it is answered. By its key it has its effect once all the same. */
  send(action: Message): Promise<Json> {
    const message = { key: randomId(), ...action, id: randomId() };
    return new Promise((resolve, reject) => {
      if (this.#ended !== undefined) return reject(this.#failure(message, "closed", this.#ended));
      if (this.#waiting.size >= MAX_WAITING) {
        return reject(this.#failure(message, "overflow", "Too much waits to be sent."));
      }
      this.#waiting.set(message.id, { message, resolve, reject });
      this.#transmit(message);
    });
  }

  /** Sends again what has not been answered. */
  resend(): void {
    for (const { message } of this.#waiting.values()) this.#transmit(message);
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

  /** Lets nothing wait any longer. */
  end(reason: string): void {
    this.#ended = reason;
    for (const { message, reject } of this.#waiting.values()) {
      reject(this.#failure(message, "closed", reason));
    }
    this.#waiting.clear();
  }

  #failure({ id: _id, ...action }: Message, code: string, text: string, path?: string): Failure {
    const error = Object.assign(new Error(text), { code, path });
    return { error, action, retry: () => this.send(action) };
  }
}
