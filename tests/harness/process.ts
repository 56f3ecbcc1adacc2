import { freePort } from "./denokv.ts";
import { TestClient } from "./client.ts";

/** A server in a process of its own, as its user runs it. */
export class ServerProcess implements AsyncDisposable {
  readonly port = freePort();
  /** What it has written to its output. */
  output = "";
  #process!: Deno.ChildProcess;
  #reading!: Promise<unknown>;

  private constructor(readonly environment: Record<string, string>, readonly entry: string) {}

  /** @param entry the module to run: `main.ts`, or `parallel.ts` for several isolates. */
  static async start(
    environment: Record<string, string>,
    entry = "main.ts",
  ): Promise<ServerProcess> {
    const server = new ServerProcess(environment, entry);
    await server.run();
    return server;
  }

  /** Starts the process, again on the same port and store after it has ended. */
  async run(): Promise<void> {
    this.#process = new Deno.Command(Deno.execPath(), {
      args: ["run", "--allow-all", this.entry],
      cwd: new URL("../..", import.meta.url),
      env: { HOST: "127.0.0.1", PORT: String(this.port), ...this.environment },
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const { stdout, stderr } = this.#process;
    const read = async (stream: ReadableStream<Uint8Array>): Promise<void> => {
      for await (const text of stream.pipeThrough(new TextDecoderStream())) this.output += text;
    };
    this.#reading = Promise.all([read(stdout), read(stderr)]);
    let ended = false;
    this.#process.status.then(() => ended = true);
    for (let attempt = 0; attempt < 400 && !ended; attempt++) {
      try {
        await (await fetch(`http://127.0.0.1:${this.port}/healthz`)).body?.cancel();
        return;
      } catch {
        await new Promise((resolve) => setTimeout(resolve, 25));
      }
    }
    throw new Error(`The server did not start: ${this.output}`);
  }

  connect(query = ""): Promise<TestClient> {
    return TestClient.connect(this.port, query);
  }

  /** Sends a signal, and resolves to the exit code once the process has ended. */
  async end(signal: Deno.Signal): Promise<number> {
    this.#process.kill(signal);
    const { code } = await this.#process.status;
    await this.#reading;
    return code;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end("SIGKILL").catch(() => {});
  }
}
