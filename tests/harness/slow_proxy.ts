import { pause } from "./util.ts";

/** A TCP proxy on this machine that delays what passes, in both directions, and keeps its order. */
export class SlowProxy implements AsyncDisposable {
  /** Decides for each piece how long it is held, in milliseconds. */
  delay: () => number = () => 0;
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #connections = new Set<Deno.Conn>();
  readonly #running = new Set<Promise<void>>();

  constructor(readonly targetPort: number) {
    this.#keep(this.#accept());
  }

  get url(): string {
    return `http://127.0.0.1:${this.#listener.addr.port}`;
  }

  async #accept(): Promise<void> {
    for await (const client of this.#listener) this.#keep(this.#serve(client));
  }

  async #serve(client: Deno.TcpConn): Promise<void> {
    this.#connections.add(client);
    try {
      const target = await Deno.connect({ hostname: "127.0.0.1", port: this.targetPort });
      this.#connections.add(target);
      // Otherwise the system holds small pieces, too, and for longer.
      for (const connection of [client, target]) connection.setNoDelay();
      const end = (): void => this.#close(client, target);
      await Promise.all([this.#pump(client, target, end), this.#pump(target, client, end)]);
    } catch {
      // The target is away: its clients shall see that at once.
      this.#close(client);
    }
  }

  /** Copies until either end fails or ends; then both do. */
  async #pump(from: Deno.Conn, to: Deno.Conn, end: () => void): Promise<void> {
    let written = Promise.resolve();
    const write = async (piece: Uint8Array, dueAt: number): Promise<void> => {
      await pause(Math.max(0, dueAt - performance.now()));
      for (let at = 0; at < piece.length;) at += await to.write(piece.subarray(at));
    };
    try {
      while (true) {
        const buffer = new Uint8Array(16_384);
        const count = await from.read(buffer);
        if (count === null) break;
        const dueAt = performance.now() + this.delay();
        // A failure to write is this connection's end, for the reading too.
        written = written.then(() => write(buffer.subarray(0, count), dueAt)).catch(end);
      }
    } catch {
      // Closed from the other side.
    }
    await written;
    end();
  }

  #close(...connections: Deno.Conn[]): void {
    for (const connection of connections) {
      if (this.#connections.delete(connection)) connection.close();
    }
  }

  #keep(running: Promise<void>): void {
    this.#running.add(running);
    running.finally(() => this.#running.delete(running));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    this.#close(...this.#connections);
    await Promise.all(this.#running);
  }
}
