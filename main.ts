import { functions } from "./functions/index.ts";
import { setErrorReporter } from "./lib/errors.ts";
import { configureLog, serverLog } from "./lib/log.ts";
import { readSettings, type Settings } from "./lib/settings.ts";
import { createServer, type RunningServer, SettingsError, StartError } from "./mod.ts";

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

const server = createServer({
  functions,
  reusePort: parallel,
  report: (event, properties) => log.warn(event, properties),
});
const { port, instance } = await readyOrExit(server);
log.info(`listening on port ${port}`, { hostname: settings.HOST, port, instance });

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
  setTimeout(() => end(1), SHUTDOWN_MS);
  const { connections } = server.stats;
  log.info(`stopping on ${signal}`, { signal, connections });
  await server.disconnect();
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

async function readyOrExit({ ready }: RunningServer): Promise<Awaited<RunningServer["ready"]>> {
  try {
    return await ready;
  } catch (error) {
    if (!(error instanceof StartError)) throw error;
    exit(error.message);
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
