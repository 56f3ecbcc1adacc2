import { createHash } from "node:crypto";
import type { TestClient } from "./client.ts";
import { SIGNING_KEY } from "./server.ts";

/** The `authenticate` message that makes an admin of a room. */
export function authentication(
  room: string,
  ts: number = Date.now(),
  key: string = SIGNING_KEY,
): { type: string; data: { ts: string; key: string } } {
  const signature = createHash("sha256").update(`${room}${ts}${key}`).digest("hex");
  return { type: "authenticate", data: { ts: String(ts), key: signature } };
}

/** Makes an admin of a client. */
export async function promote(client: TestClient): Promise<void> {
  await client.ask(authentication(client.connection.room));
}
