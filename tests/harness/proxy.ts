/** A TCP proxy on this machine that can lose answers: what is asked arrives, what comes back not. */
export class LossyProxy implements AsyncDisposable {
  /** How many answers have been lost. */
  lost = 0;
  /** Decides for each piece of an answer whether it is lost, and the connection with it. */
  lose: () => boolean = () => false;
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #connections = new Set<Deno.Conn>();
  readonly #accepting: Promise<void>;

  constructor(readonly targetPort: number) {
    this.#accepting = this.#accept();
  }

  get url(): string {
    return `http://127.0.0.1:${this.#listener.addr.port}`;
  }

  async #accept(): Promise<void> {
    for await (const client of this.#listener) this.#serve(client).catch(() => {});
  }

  async #serve(client: Deno.Conn): Promise<void> {
    const target = await Deno.connect({ hostname: "127.0.0.1", port: this.targetPort });
    const close = (): void => {
      for (const connection of [client, target]) {
        if (!this.#connections.delete(connection)) continue;
        connection.close();
      }
    };
    this.#connections.add(client).add(target);
    const asking = pump(client, target, () => false);
    const answering = pump(target, client, () => {
      if (!this.lose()) return false;
      this.lost++;
      return true;
    });
    await Promise.race([asking, answering]).finally(close);
    await Promise.allSettled([asking, answering]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    await this.#accepting;
    for (const connection of this.#connections) connection.close();
    this.#connections.clear();
  }
}

/** Copies until the end, or until `cut` says so before a piece is passed on. */
async function pump(from: Deno.Conn, to: Deno.Conn, cut: () => boolean): Promise<void> {
  const buffer = new Uint8Array(65_536);
  while (true) {
    const count = await from.read(buffer);
    if (count === null || cut()) return;
    for (let at = 0; at < count;) at += await to.write(buffer.subarray(at, count));
  }
}
