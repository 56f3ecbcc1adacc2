/**
 * Several isolates on one port: `deno task start:parallel`. Each is a worker that runs `main.ts`;
 * one that fails is started again. DENO_JOBS says how many, else there is one for each core.
 */
import { readSettings, SettingsError } from "./lib/settings.ts";

/** The store's file where neither KV_PATH nor KV_URL is set: workers have no default place in common. */
const DEFAULT_KV_PATH = "tallyroom.sqlite3";
/** How long a failed isolate stays away, in milliseconds. */
const RESTART_MS = 1000;

const jobs = readJobs(Deno.env.get("DENO_JOBS"));
try {
  const { KV_PATH, KV_URL } = readSettings(Deno.env.toObject());
  if (KV_PATH === ":memory:") exit("Bad settings: KV_PATH :memory: cannot be shared by isolates");
  if (!KV_PATH && !KV_URL) Deno.env.set("KV_PATH", DEFAULT_KV_PATH);
} catch (error) {
  if (!(error instanceof SettingsError)) throw error;
  exit(error.message);
}

let running = 0;
let exitCode = 0;
for (let number = 1; number <= jobs; number++) start(number);

function start(number: number): void {
  running++;
  const worker = new Worker(import.meta.resolve("./main.ts"), {
    type: "module",
    name: `isolate ${number}`,
  });
  // An isolate that has ended by itself was asked to, or cannot start: so can no other.
  worker.onmessage = ({ data: { code } }) => {
    exitCode = Math.max(exitCode, code);
    if (--running === 0 || code > 0) Deno.exit(exitCode);
  };
  worker.onerror = (event) => {
    event.preventDefault();
    console.error(`Isolate ${number} failed, and is started again: ${event.message}`);
    worker.terminate();
    running--;
    setTimeout(() => start(number), RESTART_MS);
  };
}

function readJobs(text: string | undefined): number {
  if (text === undefined || text === "") return navigator.hardwareConcurrency;
  const jobs = Number(text);
  if (Number.isInteger(jobs) && jobs >= 1 && jobs <= 64) return jobs;
  exit(`Bad settings: DENO_JOBS must be a whole number from 1 to 64 (received "${text}")`);
}

function exit(reason: string): never {
  console.error(reason);
  Deno.exit(1);
}
