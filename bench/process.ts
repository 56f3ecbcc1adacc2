import { freePort } from "./free_port.ts";
import type { Denokv } from "./denokv.ts";
import type { HttpLoadPlan, HttpLoadResult } from "./http_load.ts";
import type { LoadPlan, LoadResult } from "./load.ts";
import { pause } from "./pace.ts";

/** A server under measurement. */
export interface Running extends AsyncDisposable {
  readonly port: number;
  readonly pid: number;
  /** Resident memory, in bytes. */
  rss(): Promise<number>;
  /** What one isolate has done, and which it is. */
  stats(): Promise<Stats>;
}

interface Stats {
  readonly instance: string;
  readonly store: { readonly reads: number; readonly commits: number };
  readonly memory: { readonly rss: number };
}

/** How a Tallyroom is to be run, if not as one isolate on a store in a file of its own. */
export interface TallyroomOptions {
  /** Where its store is, and may be others'. */
  readonly denokv?: Denokv;
  /** How many isolates of its one process share the port. */
  readonly isolates?: number;
  /** Further settings. */
  readonly env?: Record<string, string>;
}

/** Starts a process of Tallyroom, with limits that a bench does not meet. */
export async function startTallyroom(
  { denokv, isolates, env }: TallyroomOptions = {},
): Promise<Running> {
  const directory = await Deno.makeTempDir();
  const port = freePort();
  const running = await start([isolates ? "parallel.ts" : "main.ts"], port, {
    PORT: String(port),
    HOST: "127.0.0.1",
    DENO_JOBS: String(isolates ?? 1),
    ...denokv ? { KV_PATH: "", ...denokv.env } : { KV_PATH: `${directory}/kv.sqlite3`, KV_URL: "" },
    LOG_LEVEL: "error",
    RATE_LIMIT: "1000000",
    RATE_BURST: "1000000",
    MAX_CONNECTIONS_PER_ADDRESS: "1000000",
    ...env,
  }, isolates);
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

/** Starts the bare runtime that answers requests. */
export function startHttpFloor(): Promise<Running> {
  const port = freePort();
  return start(["bench/http_floor.ts", String(port)], port, {});
}

/** Starts a server, and waits until each of its isolates has answered. */
async function start(
  parameters: string[],
  port: number,
  env: Record<string, string>,
  isolates = 1,
): Promise<Running> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--allow-all", ...parameters],
    cwd: new URL("..", import.meta.url),
    env,
    stdout: "null",
  }).spawn();
  // A connection that is kept would ever reach the same isolate.
  const client = Deno.createHttpClient({ poolMaxIdlePerHost: 0 });
  const stats = async (): Promise<Stats> =>
    await (await fetch(`http://127.0.0.1:${port}/stats`, { client })).json();
  let ended = false;
  let stopping = false;
  child.status.then(({ code, signal }) => {
    ended = true;
    if (!stopping) console.error(`${parameters[0]} has ended by itself: ${signal ?? code}`);
  });
  const stop = async (): Promise<void> => {
    stopping = true;
    if (!ended) child.kill("SIGKILL");
    await child.status;
    client.close();
  };
  const seen = new Set<string>();
  for (let attempt = 0;; attempt++) {
    await stats().then(({ instance }) => seen.add(instance), () => {});
    if (seen.size === isolates) break;
    if (ended || attempt === 200) {
      await stop();
      throw new Error(`${seen.size} of ${isolates} isolates of ${parameters[0]} answer`);
    }
    await pause(50);
  }
  return {
    port,
    pid: child.pid,
    stats,
    rss: async () => (await stats()).memory.rss,
    [Symbol.asyncDispose]: stop,
  };
}

/** Runs the load generator as a process of its own. */
export function load(plan: LoadPlan): Promise<LoadResult> {
  return generate("bench/load.ts", plan);
}

/** Runs the generator of HTTP requests as a process of its own. */
export function httpLoad(plan: HttpLoadPlan): Promise<HttpLoadResult> {
  return generate("bench/http_load.ts", plan);
}

async function generate<Result>(script: string, plan: object): Promise<Result> {
  const { stdout, success } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--allow-all", script, JSON.stringify(plan)],
    cwd: new URL("..", import.meta.url),
    stderr: "inherit",
  }).output();
  if (!success) throw new Error(`${script} failed`);
  return JSON.parse(new TextDecoder().decode(stdout));
}
