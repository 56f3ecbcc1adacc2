import { load, startTallyroom } from "./process.ts";
import { median, type Row } from "./report.ts";

const ROUNDS = 3;
const SECONDS = 4;
const SOCKETS = 16;
const IN_FLIGHT = 64;

/** Acknowledged increments of one counter, beside one commit for each. */
export async function counters(): Promise<Row> {
  const floors: number[] = [];
  const ours: number[] = [];
  let off = 0;
  await using tallyroom = await startTallyroom();
  for (let round = 0; round < ROUNDS; round++) {
    floors.push(await commitEach());
    const path = `/websocket?room=bench-${round}`;
    const result = await load({
      ports: [tallyroom.port],
      path,
      connections: SOCKETS,
      publishers: SOCKETS,
      window: IN_FLIGHT,
      seconds: SECONDS,
      message: '{"type":"counter","id":1,"data":{"id":"c","value":0.1}}',
      counted: '{"type":"ack"',
      marked: false,
    });
    ours.push(result.delivered / result.seconds);
    off += result.sent - Math.round(await counterValue(tallyroom.port, path) * 10);
  }
  return {
    name: `acknowledged increments/s, ${SOCKETS} sockets × ${IN_FLIGHT} in flight`,
    floor: median(floors),
    ours: median(ours),
    ratio: median(ours.map((value, i) => value / floors[i]!)),
    note: `${off} off`,
  };
}

/** Commits a second of the embedded store, as many in flight, each of one sum. */
async function commitEach(): Promise<number> {
  const directory = await Deno.makeTempDir();
  const kv = await Deno.openKv(`${directory}/kv.sqlite3`);
  const until = performance.now() + SECONDS * 1000;
  const startedAt = performance.now();
  let commits = 0;
  await Promise.all(Array.from({ length: SOCKETS * IN_FLIGHT }, async () => {
    while (performance.now() < until) {
      await kv.atomic().sum(["c"], 1n).commit();
      commits++;
    }
  }));
  const rate = commits / (performance.now() - startedAt) * 1000;
  kv.close();
  await Deno.remove(directory, { recursive: true });
  return rate;
}

function counterValue(port: number, path: string): Promise<number> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}${path}`);
  socket.onopen = () => socket.send('{"type":"subscribe","data":"counter:c"}');
  return new Promise((resolve) => {
    socket.onmessage = ({ data }) => {
      const message = JSON.parse(data);
      if (message.type !== "counter") return;
      socket.close();
      resolve(Number(message.data.value));
    };
  });
}
