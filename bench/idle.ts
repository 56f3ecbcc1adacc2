import { RawSocket } from "./raw_socket.ts";
import { type Running, startFloor, startTallyroom } from "./process.ts";
import type { Row } from "./report.ts";

const SOCKETS = 10_000;
const ROOMS = 1000;
const IDLE_MS = 10_000;

/** What idle sockets hold, beside a bare loop's, and what an idle room asks of the store: nothing. */
export async function idle(): Promise<Row> {
  await using floor = await startFloor();
  const bare = await hold(floor, () => "/");
  await using tallyroom = await startTallyroom();
  const ours = await hold(tallyroom, (i) => `/websocket?room=idle-${i % ROOMS}`);
  return {
    name: `MiB held by ${SOCKETS} idle sockets in ${ROOMS} rooms`,
    floor: bare.bytes / 2 ** 20,
    ours: ours.bytes / 2 ** 20,
    ratio: ours.bytes / bare.bytes,
    note: `${ours.calls} store calls in ${IDLE_MS / 1000} idle seconds`,
  };
}

async function hold(
  server: Running,
  path: (i: number) => string,
): Promise<{ bytes: number; calls: number }> {
  const sockets: RawSocket[] = [];
  for (let i = 0; i < SOCKETS; i++) {
    sockets.push(await RawSocket.connect(server.port, path(i), () => {}));
  }
  await new Promise((resolve) => setTimeout(resolve, 2000));
  const before = await server.stats();
  await new Promise((resolve) => setTimeout(resolve, IDLE_MS));
  const after = await server.stats();
  const bytes = await server.rss();
  for (const socket of sockets) socket.close();
  const total = ({ store }: typeof after): number => store ? store.reads + store.commits : 0;
  return { bytes, calls: total(after) - total(before) };
}
