import { type Denokv, startDenokv } from "./denokv.ts";
import { join, type Member } from "./member.ts";
import { paced, pause } from "./pace.ts";
import { type Running, startTallyroom } from "./process.ts";
import type { Table } from "./report.ts";

const ISOLATES = [1, 2, 8];
/** Longer than what isolates do to stay alive is apart. */
const BACKGROUND_SECONDS = 30;
const SLOW = { rate: 5, seconds: 10 };
const FAST = { rate: 1000, seconds: 5 };

/** Calls to the store, of all isolates together. */
interface Calls {
  readonly reads: number;
  readonly commits: number;
}

/**
 * What a chat message costs the store when a room is spread over isolates, with one member on each,
 * who speak in turn. Each isolate is a process over one `denokv`.
 */
export async function operations(): Promise<Table> {
  const rows: (readonly (string | number)[])[] = [];
  for (const isolates of ISOLATES) {
    await using denokv = await startDenokv();
    if (!denokv) break;
    rows.push(await measure(denokv, isolates));
  }
  return {
    headings: [
      "isolates",
      "store calls/s without messages",
      ...[SLOW, FAST].flatMap(({ rate }) => [
        `${rate.toLocaleString("en")} messages/s: reads/message`,
        "commits/message",
      ]),
      "",
    ],
    rows,
  };
}

async function measure(denokv: Denokv, isolates: number): Promise<Table["rows"][number]> {
  await using stack = new AsyncDisposableStack();
  const servers: Running[] = [];
  // One after the other: a start takes a core for a while.
  for (let i = 0; i < isolates; i++) servers.push(stack.use(await startTallyroom({ denokv })));
  const received = { count: 0 };
  const members: Member[] = [];
  for (const { port } of servers) {
    members.push(await join(port, "operations", () => received.count++));
  }
  await pause(2000);
  const background = await callsDuring(servers, () => pause(BACKGROUND_SECONDS * 1000));
  const figures: number[] = [];
  const notes: string[] = [];
  for (const { rate, seconds } of [SLOW, FAST]) {
    received.count = 0;
    let sent = 0;
    const startedAt = performance.now();
    const { reads, commits } = await callsDuring(servers, async () => {
      sent = await paced(rate, seconds, (i) => {
        members[i % isolates]!.socket.send(`{"type":"chat","data":${i}}`);
      });
      for (let i = 0; i < 200 && received.count < sent * isolates; i++) await pause(50);
    });
    const took = (performance.now() - startedAt) / 1000;
    figures.push(reads / sent, commits / sent);
    notes.push(`${sent * isolates - received.count} lost in ${took.toFixed(1)} s`);
  }
  for (const { socket } of members) socket.close();
  const calls = (background.reads + background.commits) / BACKGROUND_SECONDS;
  return [String(isolates), calls, ...figures, notes.join(", ")];
}

/** The calls to the store that `servers` make while `work` is done. */
async function callsDuring(
  servers: readonly Running[],
  work: () => Promise<void>,
): Promise<Calls> {
  const before = await totals(servers);
  await work();
  const after = await totals(servers);
  return { reads: after.reads - before.reads, commits: after.commits - before.commits };
}

async function totals(servers: readonly Running[]): Promise<Calls> {
  const all = await Promise.all(servers.map(async (server) => (await server.stats()).store));
  return {
    reads: all.reduce((sum, { reads }) => sum + reads, 0),
    commits: all.reduce((sum, { commits }) => sum + commits, 0),
  };
}
