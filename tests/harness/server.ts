import { functions } from "../../functions/index.ts";
import { Server, type ServerOptions } from "../../lib/server.ts";
import { readSettings, storeOptions } from "../../lib/settings.ts";
import { Store } from "../../lib/store/store.ts";
import { createApp, createHandler } from "../../routes/app.ts";
import { TestClient } from "./client.ts";

export const SIGNING_KEY = "deadbeef";

/** A server in this process, on a port of its own, with the real store. */
export interface TestServer extends AsyncDisposable {
  readonly port: number;
  readonly url: string;
  readonly server: Server;
  readonly store: Store;
  /** Connects to `/websocket` with the given query, and waits for the greeting. */
  connect(query?: string): Promise<TestClient>;
}

/** Starts a server; `environment` overrides its settings, which are the defaults otherwise. */
export async function startServer(
  environment: Record<string, string> = {},
  options: Partial<ServerOptions> = {},
): Promise<TestServer> {
  const settings = readSettings({
    KV_PATH: environment.KV_URL ? undefined : ":memory:",
    ADMIN_SIGNING_KEY: SIGNING_KEY,
    ...environment,
  });
  const store = await Store.open(storeOptions(settings));
  const server = new Server({ settings, store, functions, ...options });
  const http = Deno.serve(
    { port: 0, hostname: "127.0.0.1", onListen: () => {} },
    createHandler(createApp(server)),
  );
  const { port } = http.addr;
  return {
    port,
    url: `http://127.0.0.1:${port}`,
    server,
    store,
    connect: (query = "") => TestClient.connect(port, query),
    [Symbol.asyncDispose]: async () => {
      await server.drain();
      await new Promise((resolve) => setTimeout(resolve, 20));
      // A socket that was upgraded and never opened would hold the listener's end up for ever.
      let timer: ReturnType<typeof setTimeout> | undefined;
      const tooLong = new Promise((resolve) => timer = setTimeout(resolve, 1000));
      await Promise.race([http.shutdown(), tooLong]);
      clearTimeout(timer);
      store.close();
    },
  };
}
