import { ServerProcess } from "./process.ts";
import { pause } from "./util.ts";

/** Several processes that serve the same rooms on one store. */
export class Fleet implements AsyncDisposable {
  readonly #down = new Set<ServerProcess>();

  private constructor(readonly processes: readonly ServerProcess[]) {}

  /** Starts `count` processes, on the store and with the settings of `environment`. */
  static async start(count: number, environment: Record<string, string>): Promise<Fleet> {
    const settings = {
      LOG_LEVEL: "error",
      RATE_LIMIT: "100000",
      RATE_BURST: "100000",
      HISTORY_LIMIT: "100000",
      ...environment,
    };
    const starting = Array.from({ length: count }, () => ServerProcess.start(settings));
    return new Fleet(await Promise.all(starting));
  }

  /** Where there is any use in connecting; while no process runs, each. */
  get running(): readonly ServerProcess[] {
    const running = this.processes.filter((server) => !this.#down.has(server));
    return running.length > 0 ? running : this.processes;
  }

  async kill(server: ServerProcess): Promise<void> {
    this.#down.add(server);
    await server.end("SIGKILL");
  }

  async restart(server: ServerProcess): Promise<void> {
    await server.run();
    this.#down.delete(server);
  }

  /** Has a process stand still for a while, with all its sockets open. */
  async freeze(server: ServerProcess, ms: number): Promise<void> {
    // What these wait for is the process's end, which does not come with these signals.
    server.end("SIGSTOP");
    await pause(ms);
    server.end("SIGCONT");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.processes.map((server) => server[Symbol.asyncDispose]()));
  }
}
