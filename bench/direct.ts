import { SignJWT } from "jose";
import { httpLoad, startHttpFloor, startTallyroom } from "./process.ts";
import { median, type Row } from "./report.ts";

const ROUNDS = 3;
const SECONDS = 4;
const USERS = 64;
const IN_FLIGHT = 8;
const SECRET = "a secret of the bench, of thirty-two bytes or more";
const BODY = JSON.stringify({ type: "text", text: "Hello, world!" });

/** Direct messages accepted by one isolate, beside the bare runtime's answers to the same requests. */
export async function direct(): Promise<Row> {
  const requests = await Promise.all(Array.from({ length: USERS }, (_, i) => requestOf(i)));
  const plan = { requests, window: IN_FLIGHT, seconds: SECONDS, counted: "HTTP/1.1 201 Created" };
  const floors: number[] = [];
  const ours: number[] = [];
  let sent = 0;
  await using tallyroom = await startTallyroom({ env: { JWT_SECRET: SECRET } });
  for (let round = 0; round < ROUNDS; round++) {
    await using floor = await startHttpFloor();
    const bare = await httpLoad({ ...plan, port: floor.port });
    floors.push(bare.answered / bare.seconds);
    const result = await httpLoad({ ...plan, port: tallyroom.port });
    ours.push(result.answered / result.seconds);
    sent += result.sent;
  }
  let stored = 0;
  for (let i = 0; i < USERS; i++) stored += await count(tallyroom.port, i);
  return {
    name: `direct messages/s, ${USERS} users × ${IN_FLIGHT} in flight`,
    floor: median(floors),
    ours: median(ours),
    ratio: median(ours.map((value, i) => value / floors[i]!)),
    note: `${sent - stored} lost`,
  };
}

/** The users write in pairs of neighbours in a ring, so that each is in two threads. */
function partnerOf(user: number): number {
  return (user + 1) % USERS;
}

async function requestOf(user: number): Promise<string> {
  return [
    `POST /api/user/${100_000 + partnerOf(user)} HTTP/1.1`,
    "Host: 127.0.0.1",
    `X-Auth-Token: ${await tokenOf(user)}`,
    `Content-Length: ${BODY.length}`,
    "",
    BODY,
  ].join("\r\n");
}

/** How many messages are in the thread of a user and its partner. */
async function count(port: number, user: number): Promise<number> {
  const url = `http://127.0.0.1:${port}/api/user/${100_000 + partnerOf(user)}?per_page=1`;
  const response = await fetch(url, { headers: { "X-Auth-Token": await tokenOf(user) } });
  return (await response.json()).state.total;
}

function tokenOf(user: number): Promise<string> {
  return new SignJWT({ user_id: 100_000 + user }).setProtectedHeader({ alg: "HS256" })
    .sign(new TextEncoder().encode(SECRET));
}
