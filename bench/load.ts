/**
 * A load generator, to be run as a process of its own: `deno run -A bench/load.ts '{…}'`. Opens
 * connections, sends the setup, and keeps `window` messages of each publisher unanswered for some
 * seconds. Prints one JSON line: a {@linkcode LoadResult}.
 */
import { RawSocket } from "./raw_socket.ts";

export interface LoadPlan {
  readonly port: number;
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
}

export interface LoadResult {
  readonly sent: number;
  readonly delivered: number;
  /** What would have been delivered had every message reached every connection. */
  readonly expected: number;
  readonly seconds: number;
}

const encoder = new TextEncoder();

function mark(publisher: number): string {
  return `~${String.fromCharCode(65 + publisher)}`;
}

async function run(plan: LoadPlan): Promise<LoadResult> {
  const counted = encoder.encode(plan.counted);
  const sockets: RawSocket[] = [];
  let delivered = 0;
  let sent = 0;
  let sending = false;
  let lastAt = 0;

  const isCounted = (payload: Uint8Array): boolean => {
    for (let i = 0; i < counted.length; i++) if (payload[i] !== counted[i]) return false;
    return true;
  };
  const isMarked = (payload: Uint8Array, publisher: number): boolean => {
    const at = payload.indexOf(126);
    return at !== -1 && payload[at + 1] === 65 + publisher;
  };
  const publish = (publisher: number, count: number): void => {
    sent += count;
    const text = plan.message!.replaceAll("%n", mark(publisher));
    sockets[publisher]!.send(...Array<string>(count).fill(text));
  };

  for (let i = 0; i < plan.connections; i++) {
    const path = plan.path.replaceAll("%d", String(i % (plan.rooms ?? 1)));
    const socket = await RawSocket.connect(plan.port, path, (payload) => {
      if (!isCounted(payload)) return;
      delivered++;
      lastAt = performance.now();
      if (!sending || i >= plan.publishers) return;
      if (!plan.marked || isMarked(payload, i)) publish(i, 1);
    });
    if (plan.setup) socket.send(plan.setup);
    sockets.push(socket);
  }
  await pause(1000);
  delivered = 0;
  sending = true;
  const startedAt = performance.now();
  if (plan.message) { for (let i = 0; i < plan.publishers; i++) publish(i, plan.window); }
  await pause(plan.seconds * 1000);
  sending = false;
  const receivers = plan.marked ? plan.connections : 1;
  for (let i = 0; i < 100 && delivered < sent * receivers; i++) await pause(50);
  const seconds = (lastAt - startedAt) / 1000;
  for (const socket of sockets) socket.close();
  return { sent, delivered, expected: sent * receivers, seconds };
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

if (import.meta.main) {
  console.log(JSON.stringify(await run(JSON.parse(Deno.args[0]!))));
  Deno.exit(0);
}
