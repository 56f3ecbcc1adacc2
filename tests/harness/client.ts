/** A message of the server's, as any client would take it. */
// deno-lint-ignore no-explicit-any -- tests look into messages of all types
export type Received = any;

const WAIT_MS = 10_000;

/** A plain WebSocket client that remembers what it receives. */
export class TestClient implements AsyncDisposable {
  /** Everything received, in order. */
  readonly messages: Received[] = [];
  readonly closed: Promise<{ code: number; reason: string }>;
  /** The greeting. */
  connection: Received;
  profile: Received;
  readonly #socket: WebSocket;
  readonly #waiting = new Set<() => void>();
  #taken = 0;
  #nextId = 1;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.onmessage = ({ data }) => {
      const received = JSON.parse(data);
      this.messages.push(...Array.isArray(received) ? received : [received]);
      for (const wake of [...this.#waiting]) wake();
    };
    this.closed = new Promise((resolve) => {
      socket.onclose = ({ code, reason }) => {
        resolve({ code, reason });
        for (const wake of [...this.#waiting]) wake();
      };
    });
  }

  static async connect(port: number, query = ""): Promise<TestClient> {
    const client = new TestClient(new WebSocket(`ws://127.0.0.1:${port}/websocket?${query}`));
    client.connection = (await client.next("connection")).data;
    await client.next("config");
    client.profile = (await client.next("profile")).data;
    return client;
  }

  /** Sends text or bytes as they are, and anything else as JSON. */
  send(message: unknown): void {
    const raw = typeof message === "string" || message instanceof Uint8Array;
    this.#socket.send(raw ? message as string : JSON.stringify(message));
  }

  /** Sends with an id, and resolves to the ack's data; rejects with the error's code. */
  async ask(message: Record<string, unknown>): Promise<Received> {
    const id = `ask-${this.#nextId++}`;
    this.send({ ...message, id });
    const answer = await this.find((received) => received.id === id);
    if (answer.type === "error") throw new Refused(answer.data);
    return answer.data;
  }

  /** Sends with an id, and resolves to the error's data. */
  async refusal(message: Record<string, unknown>): Promise<Received> {
    try {
      await this.ask(message);
    } catch (error) {
      if (error instanceof Refused) return error.data;
      throw error;
    }
    throw new Error(`Not refused: ${JSON.stringify(message)}`);
  }

  /** The next message of a type after those taken before, skipping others. */
  async next(type: string): Promise<Received> {
    return await this.#wait(`a ${type}`, () => {
      for (let i = this.#taken; i < this.messages.length; i++) {
        if (this.messages[i].type !== type) continue;
        this.#taken = i + 1;
        return this.messages[i];
      }
    });
  }

  /** The first message, past or to come, that `matches`. */
  find(matches: (message: Received) => boolean): Promise<Received> {
    return this.#wait("a match", () => this.messages.find(matches));
  }

  /** All messages of a type so far. */
  all(type: string): Received[] {
    return this.messages.filter((message) => message.type === type);
  }

  /** Resolves when the server has handled everything sent before, and its answers are here. */
  async settled(): Promise<void> {
    await this.ask({ type: "profile" });
  }

  close(): Promise<{ code: number; reason: string }> {
    this.#socket.close();
    return this.closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #wait<T>(what: string, look: () => T | undefined): Promise<T> {
    return new Promise((resolve, reject) => {
      const end = (): void => {
        clearTimeout(timer);
        this.#waiting.delete(wake);
      };
      const wake = (): void => {
        const found = look();
        if (found === undefined) {
          if (this.#socket.readyState === WebSocket.CLOSED) {
            end();
            reject(new Error(`The socket closed before ${what} came`));
          }
          return;
        }
        end();
        resolve(found);
      };
      const timer = setTimeout(() => {
        end();
        const last = JSON.stringify(this.messages.slice(-5));
        reject(new Error(`No ${what} within ${WAIT_MS} ms; last came ${last}`));
      }, WAIT_MS);
      this.#waiting.add(wake);
      wake();
    });
  }
}

/** What {@linkcode TestClient.ask} rejects with. */
export class Refused extends Error {
  constructor(readonly data: Received) {
    super(`${data.code}: ${data.message}`);
  }
}
