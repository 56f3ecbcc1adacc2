import { Denokv, denokvProgram } from "./denokv.ts";
import type { ServerOptions } from "../../lib/server.ts";
import { startServer, type TestServer } from "./server.ts";

/** Starts a server on the store under test; again, beside the last or after it: the same store. */
export type Start = (
  environment?: Record<string, string>,
  options?: Partial<ServerOptions>,
) => Promise<TestServer>;

interface StoreKind extends AsyncDisposable {
  readonly environment: Record<string, string>;
}

const KINDS: Record<string, () => Promise<StoreKind>> = {
  "in memory": () =>
    Promise.resolve({
      environment: { KV_PATH: ":memory:" },
      [Symbol.asyncDispose]: () => Promise.resolve(),
    }),
  "in a file": async () => {
    const directory = await Deno.makeTempDir();
    return {
      environment: { KV_PATH: `${directory}/kv.sqlite3` },
      [Symbol.asyncDispose]: () => Deno.remove(directory, { recursive: true }),
    };
  },
  "on denokv": async () => {
    const denokv = await Denokv.start();
    return {
      environment: { KV_URL: denokv.url },
      [Symbol.asyncDispose]: () => denokv[Symbol.asyncDispose](),
    };
  },
};

/**
 * One test, run against every store: in memory, in a file, and on a real `denokv` server.
 *
 * @param options.durable the test starts servers one after the other on the same store, which the
 * one in memory cannot.
 */
export function onEveryStore(
  name: string,
  test: (start: Start) => Promise<void>,
  options: { durable?: boolean } = {},
): void {
  for (const [kind, open] of Object.entries(KINDS)) {
    if (options.durable && kind === "in memory") continue;
    Deno.test({
      name: `${name} (${kind})`,
      ignore: kind === "on denokv" && denokvProgram === undefined,
      // The runtime keeps an HTTP/2 connection to a KV server open after the store is closed.
      sanitizeResources: kind !== "on denokv",
      sanitizeOps: kind !== "on denokv",
      fn: async () => {
        await using store = await open();
        await test((environment, options) => {
          return startServer({ ...store.environment, ...environment }, options);
        });
      },
    });
  }
}
