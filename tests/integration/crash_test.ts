import { assert, assertEquals } from "@std/assert";
import type { TestClient } from "../harness/client.ts";
import { ServerProcess } from "../harness/process.ts";
import { seededRandom } from "../harness/random.ts";

const LIVES = 5;
const CLIENTS = 4;

/**
 * A client of the kind that the contract makes possible: whatever has not been answered when the
 * connection is lost is sent again, with the key it had.
 */
interface Retrier {
  readonly session: string;
  readonly unanswered: Map<string, Record<string, unknown>>;
  /** Key → the offset in the ack. */
  readonly acknowledged: Map<string, string | undefined>;
  counted: number;
}

Deno.test("killed in full flow, again and again, it loses and doubles nothing", async () => {
  const random = seededRandom("crash");
  const directory = await Deno.makeTempDir();
  const server = await ServerProcess.start({
    KV_PATH: `${directory}/kv.sqlite3`,
    RATE_LIMIT: "100000",
    RATE_BURST: "100000",
    LOG_LEVEL: "error",
    HISTORY_LIMIT: "100000",
  });
  const retriers: Retrier[] = Array.from({ length: CLIENTS }, (_, i) => ({
    session: `client-${i}`,
    unanswered: new Map(),
    acknowledged: new Map(),
    counted: 0,
  }));
  let serial = 0;
  for (let life = 0; life < LIVES; life++) {
    if (life > 0) await server.run();
    const clients = await Promise.all(retriers.map(({ session }) => {
      return server.connect(`room=crash&session=${session}`);
    }));
    const running = clients.map((client, i) => talk(client, retriers[i]!));
    await new Promise((resolve) => setTimeout(resolve, 100 + random.below(400)));
    await server.end("SIGKILL");
    await Promise.all(running);
    await Promise.all(clients.map((client) => client.closed));
  }

  await server.run();
  const clients = await Promise.all(retriers.map(({ session }) => {
    return server.connect(`room=crash&session=${session}`);
  }));
  // The last unanswered ones are sent once more; now all has been acknowledged.
  await Promise.all(clients.map(async (client, i) => {
    const { unanswered, acknowledged } = retriers[i]!;
    for (const [key, message] of unanswered) {
      acknowledged.set(key, (await client.ask(message)).offset);
    }
  }));
  const reader = await server.connect("room=crash");
  await reader.ask({ type: "subscribe", data: "counter:c" });
  const replay = await reader.ask({ type: "subscribe", data: "chat", since: "0" });
  assertEquals(replay, { replayed: Number(reader.connection.offset), complete: true });
  const chats = reader.all("chat");
  assert(chats.length > 0);
  assertEquals(chats.map(({ offset }) => Number(offset)), chats.map((_, i) => i + 1));
  const inLog = new Map(chats.map(({ data, offset }) => [data.message as string, offset]));
  assertEquals(inLog.size, chats.length, "a message stands twice in the log");
  let said = 0;
  let counted = 0;
  for (const { acknowledged, counted: count } of retriers) {
    counted += count;
    for (const [key, offset] of acknowledged) {
      if (!key.startsWith("say")) continue;
      said++;
      assertEquals(inLog.get(key), offset, `${key} was acknowledged`);
    }
  }
  assertEquals(chats.length, said);
  const value = reader.all("counter").at(-1).data.value;
  assertEquals(value, tenths(counted));
  console.log(`${said} messages and ${counted} increments over ${LIVES} lives`);
  await Promise.all([...clients, reader].map((client) => client.close()));
  await server.end("SIGTERM");
  await Deno.remove(directory, { recursive: true });

  /** Sends as fast as it is answered, 32 in flight, until the server dies. */
  async function talk(client: TestClient, retrier: Retrier): Promise<void> {
    const { unanswered, acknowledged } = retrier;
    const send = async (key: string, message: Record<string, unknown>): Promise<void> => {
      unanswered.set(key, message);
      const { offset } = await client.ask(message);
      unanswered.delete(key);
      acknowledged.set(key, offset);
    };
    const lane = async (again: [string, Record<string, unknown>][]): Promise<void> => {
      for (const [key, message] of again) await send(key, message);
      while (true) {
        const n = serial++;
        if (n % 2) {
          await send(`say-${n}`, { type: "chat", data: `say-${n}`, key: `say-${n}` });
        } else {
          retrier.counted++;
          const data = { id: "c", value: 0.1 };
          await send(`add-${n}`, { type: "counter", data, key: `add-${n}` });
        }
      }
    };
    const pending = [...unanswered];
    const lanes = Array.from({ length: 32 }, (_, i) => {
      return lane(pending.filter((_, n) => n % 32 === i));
    });
    // Each ends by the loss of the connection, and by nothing else.
    for (const end of await Promise.allSettled(lanes)) {
      assert(end.status === "rejected");
      assert(/closed|CLOS|not.*OPEN|readyState/i.test(String(end.reason)), String(end.reason));
    }
  }
});

/** `count` tenths, as a counter's value is written. */
function tenths(count: number): string {
  return count % 10 === 0 ? String(count / 10) : `${Math.floor(count / 10)}.${count % 10}`;
}
