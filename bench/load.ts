/**
 * A load generator, to be run as a process of its own: `deno run -A bench/load.ts '{…}'`. Opens
 * connections, sends the setup, and keeps `window` messages of each publisher unanswered for some
 * seconds. Prints one JSON line: a {@linkcode LoadResult}.
 */
import { cpuSeconds } from "./cpu.ts";
import { pause } from "./pace.ts";
import { RawSocket } from "./raw_socket.ts";

export interface LoadPlan {
  /** The servers' ports, to which connections are made in turn. */
  readonly ports: readonly number[];
  /** The path to connect to; `%d` becomes the connection's number modulo `rooms`. */
  readonly path: string;
  readonly rooms?: number;
  readonly connections: number;
  readonly publishers: number;
  readonly window: number;
  readonly seconds: number;
  /** Sent on every connection first. */
  readonly setup?: string;
  /** What publishers send; `%n` becomes the publisher's mark. */
  readonly message?: string;
  /** The frames counted begin so. */
  readonly counted: string;
  /** Whether only a counted frame with its own mark answers a publisher, or any counted frame. */
  readonly marked: boolean;
  /**
   * How long those that do not publish let frames gather between reads, in milliseconds. Reading
   * is what a generator spends most on; what it does not take of a machine is left to the servers.
   */
  readonly gatherMs?: number;
  /** The servers' processes, whose CPU time is measured. */
  readonly pids?: readonly number[];
}

export interface LoadResult {
  readonly sent: number;
  readonly delivered: number;
  /** What would have been delivered had every message reached every connection. */
  readonly expected: number;
  readonly seconds: number;
  /** How many connections each instance greeted. */
  readonly spread: readonly number[];
  /** How many cores the servers, and this, kept busy. */
  readonly cores: { readonly servers: number; readonly generator: number };
}

const GREETING = '{"type":"connection"';

const encoder = new TextEncoder();
const decoder = new TextDecoder();

function mark(publisher: number): string {
  return `~${String.fromCharCode(65 + publisher)}`;
}

async function run(plan: LoadPlan): Promise<LoadResult> {
  const counted = encoder.encode(plan.counted);
  const greeting = encoder.encode(GREETING);
  const sockets: RawSocket[] = [];
  const spread = new Map<string, number>();
  let delivered = 0;
  let sent = 0;
  let sending = false;
  let lastAt = 0;

  const isMarked = (payload: Uint8Array, publisher: number): boolean => {
    const at = payload.indexOf(126);
    return at !== -1 && payload[at + 1] === 65 + publisher;
  };
  const publish = (publisher: number, count: number): void => {
    sent += count;
    const text = plan.message!.replaceAll("%n", mark(publisher));
    sockets[publisher]!.send(...Array<string>(count).fill(text));
  };

  const meet = (payload: Uint8Array): void => {
    const { instance } = JSON.parse(decoder.decode(payload)).data;
    spread.set(instance, (spread.get(instance) ?? 0) + 1);
  };
  const gathered = plan.gatherMs ? ticks(plan.gatherMs) : undefined;

  for (let i = 0; i < plan.connections; i++) {
    const path = plan.path.replaceAll("%d", String(i % (plan.rooms ?? 1)));
    const port = plan.ports[i % plan.ports.length]!;
    const socket = await RawSocket.connect(port, path, (payload) => {
      if (!sending && startsWith(payload, greeting)) return meet(payload);
      if (!startsWith(payload, counted)) return;
      delivered++;
      lastAt = performance.now();
      if (!sending || i >= plan.publishers) return;
      if (!plan.marked || isMarked(payload, i)) publish(i, 1);
    }, i < plan.publishers ? undefined : gathered);
    if (plan.setup) socket.send(plan.setup);
    sockets.push(socket);
  }
  await pause(1000);
  delivered = 0;
  sending = true;
  const pids = plan.pids ?? [];
  const before = await cpuTimes(pids);
  const startedAt = performance.now();
  if (plan.message) { for (let i = 0; i < plan.publishers; i++) publish(i, plan.window); }
  await pause(plan.seconds * 1000);
  sending = false;
  const after = await cpuTimes(pids);
  const receivers = plan.marked ? plan.connections : 1;
  for (let i = 0; i < 100 && delivered < sent * receivers; i++) await pause(50);
  const seconds = (lastAt - startedAt) / 1000;
  for (const socket of sockets) socket.close();
  return {
    sent,
    delivered,
    expected: sent * receivers,
    seconds,
    spread: [...spread.values()],
    cores: {
      servers: (after.servers - before.servers) / plan.seconds,
      generator: (after.generator - before.generator) / plan.seconds,
    },
  };
}

function startsWith(payload: Uint8Array, start: Uint8Array): boolean {
  for (let i = 0; i < start.length; i++) if (payload[i] !== start[i]) return false;
  return true;
}

/** What resolves at the next of ticks that are `ms` apart, the same for all who wait. */
function ticks(ms: number): () => Promise<void> {
  let next = Promise.withResolvers<void>();
  setInterval(() => {
    next.resolve();
    next = Promise.withResolvers();
  }, ms);
  return () => next.promise;
}

async function cpuTimes(pids: readonly number[]): Promise<LoadResult["cores"]> {
  const servers = await Promise.all(pids.map(cpuSeconds));
  return {
    servers: servers.reduce((sum, seconds) => sum + seconds, 0),
    generator: await cpuSeconds("self"),
  };
}

if (import.meta.main) {
  console.log(JSON.stringify(await run(JSON.parse(Deno.args[0]!))));
  Deno.exit(0);
}
