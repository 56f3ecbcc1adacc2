import { pause } from "../harness/util.ts";

/** What becomes of a piece on its way, and of the connection that it is on. */
export type Fate =
  | "pass"
  /** Lost, and the connection with it. */
  | "cut"
  /** The connection is lost in the middle of it. */
  | "tear"
  /** The connection is lost for its client, and what that has sent arrives after the next one's. */
  | "late"
  /** Held up for so many milliseconds, and with it all that comes after it. */
  | number
  /** Held up for good: the connection stays, and nothing comes by it any more. */
  | "stall";

/** How late: long enough for its client to have come back, and to have sent all of it again. */
const LATE_MS = 150;

/** A TCP proxy on this machine, to a port that may change, on which no connection can rely. */
export class FlakyProxy implements AsyncDisposable {
  /** Decides what becomes of each piece, in both directions. */
  fate: () => Fate = () => "pass";
  /** How many connections have been made to it. */
  accepted = 0;
  /** How many have had their last piece arrive late. */
  late = 0;
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #connections = new Set<Deno.Conn>();
  readonly #running = new Set<Promise<void>>();

  constructor(public targetPort: number) {
    this.#keep(this.#accept());
  }

  get url(): string {
    return `http://127.0.0.1:${this.#listener.addr.port}`;
  }

  /** Cuts all connections that there are. */
  cut(): void {
    this.#close(...this.#connections);
  }

  async #accept(): Promise<void> {
    for await (const client of this.#listener) this.#keep(this.#serve(client));
  }

  async #serve(client: Deno.TcpConn): Promise<void> {
    this.accepted++;
    this.#connections.add(client);
    try {
      const target = await Deno.connect({ hostname: "127.0.0.1", port: this.targetPort });
      this.#connections.add(target);
      let late = false;
      const end = (): void => this.#close(client, ...late ? [] : [target]);
      const lose = (): void => {
        late = true;
        this.#close(client);
      };
      const sent = this.#pump(client, target, end, lose).finally(() => this.#close(target));
      await Promise.all([sent, this.#pump(target, client, end)]);
    } catch {
      // The target is away: its clients shall see that at once.
      this.#close(client);
    }
  }

  /**
   * Copies until either end fails or ends, or the connection's fate is sealed.
   *
   * @param lose lets go of where it copies from; absent for what the server has sent.
   */
  async #pump(
    from: Deno.Conn,
    to: Deno.Conn,
    end: () => void,
    lose?: () => void,
  ): Promise<void> {
    const buffer = new Uint8Array(65_536);
    try {
      for (let stalled = false; true;) {
        const count = await from.read(buffer);
        if (count === null) break;
        const fate: Fate = stalled ? "stall" : this.fate();
        stalled = fate === "stall";
        if (stalled) continue;
        if (fate === "cut" || fate === "late" && !lose) break;
        if (fate === "late") {
          lose!();
          this.late++;
          await pause(LATE_MS);
        }
        if (typeof fate === "number") await pause(fate);
        const passed = fate === "tear" ? count >> 1 : count;
        for (let at = 0; at < passed;) at += await to.write(buffer.subarray(at, passed));
        if (fate === "tear" || fate === "late") break;
      }
    } catch {
      // Closed from the other side.
    }
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
    this.cut();
    await Promise.all(this.#running);
  }
}
