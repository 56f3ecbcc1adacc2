import { findProgram } from "./optional.ts";

const home = Deno.env.get("HOME");

/** The `denokv` server's program, where there is one. */
export const denokvProgram = await findProgram("denokv", [
  Deno.env.get("DENOKV"),
  "denokv",
  home && `${home}/.cargo/bin/denokv`,
]);

const TOKEN = "a-token-for-tests-only";

/** A real `denokv` server on a database of its own. */
export class Denokv implements AsyncDisposable {
  readonly #port = freePort();
  readonly #directory = Deno.makeTempDirSync();
  #process: Deno.ChildProcess | undefined;

  static async start(): Promise<Denokv> {
    // The runtime takes the token from the environment when it opens the store.
    Deno.env.set("DENO_KV_ACCESS_TOKEN", TOKEN);
    const denokv = new Denokv();
    await denokv.run();
    return denokv;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** Starts the process, again on the same database after {@linkcode Denokv.kill}. */
  async run(): Promise<void> {
    this.#process = new Deno.Command(denokvProgram!, {
      args: [
        ["--sqlite-path", `${this.#directory}/denokv.sqlite3`, "serve"],
        ["--addr", `127.0.0.1:${this.#port}`, "--access-token", TOKEN],
      ].flat(),
      stdout: "null",
      stderr: "null",
    }).spawn();
    for (let attempt = 0;; attempt++) {
      try {
        (await Deno.connect({ hostname: "127.0.0.1", port: this.#port })).close();
        return;
      } catch (error) {
        if (attempt === 200) throw error;
        await new Promise((resolve) => setTimeout(resolve, 25));
      }
    }
  }

  /** Ends the process without a warning. */
  async kill(): Promise<void> {
    this.#process?.kill("SIGKILL");
    await this.#process?.status;
    this.#process = undefined;
  }

  /** Lets the process stand still: connected, and silent. */
  pause(): void {
    this.#process?.kill("SIGSTOP");
  }

  resume(): void {
    this.#process?.kill("SIGCONT");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    await Deno.remove(this.#directory, { recursive: true });
  }
}

export function freePort(): number {
  using listener = Deno.listen({ port: 0, hostname: "127.0.0.1" });
  return listener.addr.port;
}
