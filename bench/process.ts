import type { LoadPlan, LoadResult } from "./load.ts";

/** A server under measurement. */
export interface Running extends AsyncDisposable {
  readonly port: number;
  /** Resident memory, in bytes. */
  rss(): Promise<number>;
  stats(): Promise<{ store: { reads: number; commits: number } }>;
}

/** Starts Tallyroom on a store in a file of its own, with limits that a bench does not meet. */
export async function startTallyroom(): Promise<Running> {
  const directory = await Deno.makeTempDir();
  const port = freePort();
  const running = await start(["main.ts"], port, {
    PORT: String(port),
    HOST: "127.0.0.1",
    KV_PATH: `${directory}/kv.sqlite3`,
    KV_URL: "",
    LOG_LEVEL: "error",
    RATE_LIMIT: "1000000",
    RATE_BURST: "1000000",
    MAX_CONNECTIONS_PER_ADDRESS: "1000000",
  });
  return {
    ...running,
    [Symbol.asyncDispose]: async () => {
      await running[Symbol.asyncDispose]();
      await Deno.remove(directory, { recursive: true });
    },
  };
}

/** Starts the bare loop. */
export function startFloor(): Promise<Running> {
  const port = freePort();
  return start(["bench/floor.ts", String(port)], port, {});
}

async function start(
  parameters: string[],
  port: number,
  env: Record<string, string>,
): Promise<Running> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--allow-all", ...parameters],
    cwd: new URL("..", import.meta.url),
    env,
    stdout: "null",
  }).spawn();
  const stats = async (): Promise<{
    memory: { rss: number };
    store: { reads: number; commits: number };
  }> => await (await fetch(`http://127.0.0.1:${port}/stats`)).json();
  for (let attempt = 0;; attempt++) {
    try {
      await stats();
      break;
    } catch (error) {
      if (attempt === 200) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
  return {
    port,
    stats,
    rss: async () => (await stats()).memory.rss,
    [Symbol.asyncDispose]: async () => {
      child.kill("SIGKILL");
      await child.status;
    },
  };
}

/** Runs the load generator as a process of its own. */
export async function load(plan: LoadPlan): Promise<LoadResult> {
  const { stdout, success } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--allow-all", "bench/load.ts", JSON.stringify(plan)],
    cwd: new URL("..", import.meta.url),
    stderr: "inherit",
  }).output();
  if (!success) throw new Error("The load generator failed");
  return JSON.parse(new TextDecoder().decode(stdout));
}

function freePort(): number {
  using listener = Deno.listen({ port: 0, hostname: "127.0.0.1" });
  return listener.addr.port;
}
