import { type Denokv, startDenokv } from "./denokv.ts";
import type { LoadPlan, LoadResult } from "./load.ts";
import { load, type Running, startTallyroom } from "./process.ts";
import { comparison, median, type Row, type Table } from "./report.ts";

const ROUNDS = 3;
const CONNECTIONS = 500;
const PLAN: Omit<LoadPlan, "ports" | "path"> = {
  connections: CONNECTIONS,
  publishers: 8,
  window: 4,
  seconds: 4,
  setup: '{"type":"subscribe","data":"chat"}',
  message: '{"type":"chat","data":"hello, everyone in the room %n"}',
  counted: '{"type":"chat"',
  marked: true,
  gatherMs: 20,
};

/** What a second isolate adds to the deliveries of one room, in one process and in two. */
export async function scaling(): Promise<Table> {
  const rows = [await ofIsolates(), await ofProcesses()];
  return comparison(
    [`chat to ${CONNECTIONS} subscribers, deliveries/s`, "one", "two", "ratio", ""],
    rows.filter((row) => row !== undefined),
  );
}

async function ofIsolates(): Promise<Row> {
  await using one = await startTallyroom({ isolates: 1 });
  await using two = await startTallyroom({ isolates: 2 });
  return await compare("isolates of one process", [one], [two]);
}

async function ofProcesses(): Promise<Row | undefined> {
  await using denokv = await startDenokv();
  if (!denokv) return undefined;
  await using first = await startTallyroom({ denokv });
  await using second = await startTallyroom({ denokv });
  return await compare("processes over denokv", [first], [first, second], denokv);
}

/** Loads the two sides in turn, each in rooms of its own. */
async function compare(
  name: string,
  one: readonly Running[],
  two: readonly Running[],
  denokv?: Denokv,
): Promise<Row> {
  const results: { one: LoadResult; two: LoadResult }[] = [];
  const measure = (servers: readonly Running[], room: string): Promise<LoadResult> =>
    load({
      ...PLAN,
      ports: servers.map(({ port }) => port),
      path: `/websocket?room=${room}`,
      pids: [...servers, ...denokv ? [denokv] : []].map(({ pid }) => pid),
    });
  for (let round = 0; round < ROUNDS; round++) {
    results.push({
      one: await measure(one, `one-${round}`),
      two: await measure(two, `two-${round}`),
    });
  }
  return {
    name,
    floor: median(results.map(({ one }) => rate(one))),
    ours: median(results.map(({ two }) => rate(two))),
    ratio: median(results.map(({ one, two }) => rate(two) / rate(one))),
    note: note(results.map(({ one }) => one), results.map(({ two }) => two)),
  };
}

function rate({ delivered, seconds }: LoadResult): number {
  return delivered / seconds;
}

/** What is lost, who had how many connections, and which had the two cores: servers or load. */
function note(one: readonly LoadResult[], two: readonly LoadResult[]): string {
  const lost = [...one, ...two].reduce((sum, all) => sum + all.expected - all.delivered, 0);
  const spread = two.map(({ spread }) => spread.join("+")).join(", ");
  const cores = (of: keyof LoadResult["cores"]): string =>
    [one, two].map((side) => median(side.map(({ cores }) => cores[of])).toFixed(2)).join(" → ");
  return `${lost} lost; connections ${spread}; ` +
    `cores of servers ${cores("servers")}, of the load ${cores("generator")}`;
}
