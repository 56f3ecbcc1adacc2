import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { ServerProcess } from "../harness/process.ts";

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  Deno.test(`${signal} drains, commits what is under way, and ends in time`, async () => {
    const directory = await Deno.makeTempDir();
    const KV_PATH = `${directory}/kv.sqlite3`;
    const server = await ServerProcess.start({ KV_PATH, RATE_BURST: "10000" });
    const clients = await Promise.all(Array.from({ length: 20 }, () => server.connect()));
    const [ann] = clients;
    for (let i = 1; i <= 300; i++) ann!.send({ type: "chat", data: i, id: i });
    await ann!.find(({ id }) => id === 1);
    const endsAt = performance.now() + 4000;
    assertEquals(await server.end(signal), 0);
    assert(performance.now() < endsAt);
    for (const client of clients) {
      assertEquals((await client.closed).code, 1012);
      const { data } = client.all("draining")[0];
      assert(Number.isInteger(data.retry_ms) && data.retry_ms >= 0);
    }
    const spread = new Set(clients.map((client) => client.all("draining")[0].data.retry_ms));
    assert(spread.size > 5, "clients would all come back at once");
    const acknowledged = ann!.messages.filter(({ type, id }) => type === "ack" && id).length;

    await server.run();
    const reader = await server.connect("subscribe=chat&since=0&");
    await reader.settled();
    await reader.ask({ type: "subscribe", data: "chat", history: 1 });
    const kept = new Set(reader.all("chat").map(({ data }) => data.message));
    for (let i = 1; i <= acknowledged; i++) assert(kept.has(i), `${i} was acknowledged`);
    await reader.close();
    await server.end("SIGTERM");
    await Deno.remove(directory, { recursive: true });
  });
}

Deno.test("a client that has stopped reading does not hold the end up", async () => {
  await using server = await ServerProcess.start({ KV_PATH: ":memory:" });
  using connection = await Deno.connect({ hostname: "127.0.0.1", port: server.port });
  const head = [
    "GET /websocket HTTP/1.1",
    "Host: x",
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
  ];
  await connection.write(new TextEncoder().encode(`${head.join("\r\n")}\r\n\r\n`));
  await connection.read(new Uint8Array(10));
  const endsAt = performance.now() + 4000;
  assertEquals(await server.end("SIGTERM"), 0);
  assert(performance.now() < endsAt);
});

Deno.test("bad settings stop the start with one line that says which and why", async () => {
  const { code, stderr } = await startAndFail({ PORT: "http", KV_PATH: ":memory:" });
  assertEquals(code, 1);
  const lines = stderr.trim().split("\n");
  assertEquals(lines.length, 1, lines.join("\n"));
  assertStringIncludes(lines[0]!, 'PORT must be a whole number from 0 to 65535 (received "http")');
});

Deno.test("a port or a store that is not to be had stops the start with a line, too", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  for (
    const [environment, line] of [
      [{ HOST: "127.0.0.1", PORT: String(port), KV_PATH: ":memory:" }, "Cannot listen on"],
      [{ PORT: "0", KV_PATH: "/no/such/folder/kv" }, "Cannot open the store at /no/such/folder/kv"],
    ] as const
  ) {
    const { code, stderr } = await startAndFail(environment);
    assertEquals(code, 1);
    assertStringIncludes(stderr, line);
    assertEquals(stderr.trim().split("\n").length, 1, stderr);
  }
});

Deno.test("log lines are JSON objects, one an event", async () => {
  const server = await ServerProcess.start({ KV_PATH: ":memory:" });
  await server.end("SIGTERM");
  const events = server.output.trim().split("\n").map((line) => JSON.parse(line));
  assertEquals(events.map(({ message }) => message.split(" ")[0]), [
    "listening",
    "stopping",
    "stopped",
  ]);
  assertEquals(events[0].port, server.port);
});

async function startAndFail(
  env: Record<string, string>,
): Promise<{ code: number; stderr: string }> {
  const { code, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--allow-all", "main.ts"],
    cwd: new URL("../..", import.meta.url),
    env: { LOG_LEVEL: "error", ...env },
  }).output();
  return { code, stderr: new TextDecoder().decode(stderr) };
}
