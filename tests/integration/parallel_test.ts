import { assert, assertEquals } from "@std/assert";
import type { TestClient } from "../harness/client.ts";
import { ServerProcess } from "../harness/process.ts";
import { pause, range } from "../harness/util.ts";

Deno.test("isolates on one port serve a room together, and end together", async () => {
  const directory = await Deno.makeTempDir();
  await using server = await ServerProcess.start({
    KV_PATH: `${directory}/kv.sqlite3`,
    DENO_JOBS: "3",
    RATE_BURST: "1000",
  }, "parallel.ts");
  // Which isolate gets a connection is the kernel's choice.
  const byInstance = new Map<string, TestClient>();
  const clients: TestClient[] = [];
  while (byInstance.size < 3) {
    assert(clients.length < 200, `${byInstance.size} isolates after 200 connections`);
    const client = await server.connect("room=r&subscribe=chat,counter:c");
    clients.push(client);
    byInstance.set(client.connection.instance, client);
  }
  const speakers = [...byInstance.values()];
  await Promise.all(speakers.map(async (speaker, s) => {
    for (let i = 0; i < 20; i++) {
      speaker.send({ type: "chat", data: [s, i] });
      speaker.send({ type: "counter", data: { id: "c", value: 0.1 } });
      await pause(2);
    }
  }));
  for (const client of clients) {
    await client.find(({ offset }) => offset === "60");
    await client.find(({ type, data }) => type === "counter" && data.value === "6");
    assertEquals(client.all("chat").map(({ offset }) => Number(offset)), range(1, 60));
  }
  const stats = await (await fetch(`http://127.0.0.1:${server.port}/stats`)).json();
  assertEquals(stats.isolates.length, 3);

  const startedAt = performance.now();
  assertEquals(await server.end("SIGTERM"), 0);
  assert(performance.now() - startedAt < 4000);
  for (const client of clients) assertEquals((await client.closed).code, 1012);
  await Deno.remove(directory, { recursive: true });
});

Deno.test("settings that cannot do for several isolates stop the start with one line", async () => {
  const run = async (environment: Record<string, string>): Promise<[number, string]> => {
    const { code, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "--allow-all", "parallel.ts"],
      cwd: new URL("../..", import.meta.url),
      env: { NO_COLOR: "1", HOST: "127.0.0.1", PORT: "0", ...environment },
      stdout: "null",
      stderr: "piped",
    }).output();
    return [code, new TextDecoder().decode(stderr)];
  };
  assertEquals(await run({ KV_PATH: ":memory:" }), [
    1,
    "Bad settings: KV_PATH :memory: cannot be shared by isolates\n",
  ]);
  assertEquals(await run({ DENO_JOBS: "many" }), [
    1,
    'Bad settings: DENO_JOBS must be a whole number from 1 to 64 (received "many")\n',
  ]);
  const [code, text] = await run({ DENO_JOBS: "2", PORT: "none" });
  assertEquals([code, text.split("\n").length], [1, 2]);
});
