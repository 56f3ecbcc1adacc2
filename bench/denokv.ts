import { freePort } from "./free_port.ts";

const TOKEN = "a-token-for-benches-only";

/**
 * A `denokv` server on a database of its own. On one machine its answers may take
 * a step of 44 ms longer: neither it nor the runtime turns Nagle's algorithm off, so that some
 * requests and answers wait for an acknowledgement that the kernel delays.
 */
export interface Denokv extends AsyncDisposable {
  readonly pid: number;
  /** What a process needs in its environment to have its store here. */
  readonly env: Readonly<Record<string, string>>;
}

/** Starts `denokv`; where the machine has none, says so and resolves to `undefined`. */
export async function startDenokv(): Promise<Denokv | undefined> {
  const program = await findDenokv();
  if (!program) {
    console.error("denokv was not found, on the path or by DENOKV: what needs it is skipped");
    return undefined;
  }
  const directory = await Deno.makeTempDir();
  const port = freePort();
  const child = new Deno.Command(program, {
    args: [
      ["--sqlite-path", `${directory}/denokv.sqlite3`, "serve"],
      ["--addr", `127.0.0.1:${port}`, "--access-token", TOKEN],
    ].flat(),
    stdout: "null",
    stderr: "null",
  }).spawn();
  await listens(port);
  return {
    pid: child.pid,
    env: { KV_URL: `http://127.0.0.1:${port}`, DENO_KV_ACCESS_TOKEN: TOKEN },
    [Symbol.asyncDispose]: async () => {
      child.kill("SIGKILL");
      await child.status;
      await Deno.remove(directory, { recursive: true });
    },
  };
}

async function findDenokv(): Promise<string | undefined> {
  for (const program of [Deno.env.get("DENOKV"), "denokv"]) {
    if (!program) continue;
    try {
      // It need not know --version; that it is there is enough.
      await new Deno.Command(program, { args: ["--version"] }).output();
      return program;
    } catch {
      // Not this one.
    }
  }
  return undefined;
}

async function listens(port: number): Promise<void> {
  for (let attempt = 0;; attempt++) {
    try {
      return (await Deno.connect({ hostname: "127.0.0.1", port })).close();
    } catch (error) {
      if (attempt === 200) throw error;
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
  }
}
