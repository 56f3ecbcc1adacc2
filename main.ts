import { setErrorReporter } from "./lib/errors.ts";
import { configureLog, serverLog } from "./lib/log.ts";
import { Server } from "./lib/server.ts";
import { readSettings, type Settings, SettingsError, storeOptions } from "./lib/settings.ts";
import { Store } from "./lib/store/store.ts";
import { createApp, createHandler } from "./routes/app.ts";

/** The time between the last messages to the clients and the end, in milliseconds. */
const CLOSING_MS = 100;
/** When a shutdown that hangs is given up, in milliseconds. */
const SHUTDOWN_MS = 3500;
/** Whether this is one of several isolates, which share the port. */
const parallel = "WorkerGlobalScope" in globalThis;

const settings = settingsOrExit();
await configureLog(settings.LOG_LEVEL, Deno.stdout.isTerminal());
const log = serverLog();
setErrorReporter((error) => log.error("unexpected error", { error }));
for (const event of ["error", "unhandledrejection"] as const) {
  globalThis.addEventListener(event, (fault) => {
    fault.preventDefault();
    const error = "reason" in fault ? fault.reason : (fault as ErrorEvent).error;
    log.error("unhandled error", { error });
  });
}

const store = await storeOrExit(settings);
const server = new Server({
  settings,
  store,
  report: (event, properties) => log.warn(event, properties),
});
const http = serveOrExit(settings);

let stopping = false;
for (
  const signal of Deno.build.os === "windows" ? ["SIGINT"] as const : ["SIGINT", "SIGTERM"] as const
) {
  Deno.addSignalListener(signal, () => {
    if (stopping) return;
    stopping = true;
    stop(signal);
  });
}

async function stop(signal: string): Promise<void> {
  const connections = server.connections.size;
  log.info(`stopping on ${signal}`, { signal, connections });
  setTimeout(() => end(1), SHUTDOWN_MS);
  await server.drain();
  // Closing the listener in the same tick would tell clients 1001 in place of 1012.
  await new Promise((resolve) => setTimeout(resolve, CLOSING_MS));
  const closed = http.shutdown();
  await Promise.race([closed, new Promise((resolve) => setTimeout(resolve, CLOSING_MS))]);
  store.close();
  log.info("stopped");
  end(0);
}

function settingsOrExit(): Settings {
  try {
    return readSettings(Deno.env.toObject());
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error;
    exit(error.message);
  }
}

async function storeOrExit(settings: Settings): Promise<Store> {
  try {
    return await Store.open({
      ...storeOptions(settings),
      report: (event, error) => log.warn(`store ${event}`, { error }),
    });
  } catch (error) {
    const place = settings.KV_URL ?? settings.KV_PATH ?? "its default place";
    exit(`Cannot open the store at ${place}: ${error}`);
  }
}

function serveOrExit({ PORT: port, HOST: hostname }: Settings): Deno.HttpServer {
  const { instance } = server;
  const onListen = (address: Deno.NetAddr): void => {
    log.info(`listening on port ${address.port}`, { ...address, instance });
  };
  try {
    return Deno.serve(
      { port, hostname, onListen, reusePort: parallel },
      createHandler(createApp(server)),
    );
  } catch (error) {
    exit(`Cannot listen on ${hostname}:${port}: ${error}`);
  }
}

/** Ends a start that cannot succeed, with one line that says why. */
function exit(reason: string): never {
  console.error(reason);
  end(1);
}

/** Ends the process; of several isolates, this one, and the others are told. */
function end(code: number): never {
  if (parallel) (globalThis as unknown as Worker).postMessage({ code });
  Deno.exit(code);
}
