import { assertEquals } from "@std/assert";
import { startServer } from "../harness/server.ts";

Deno.test("idle rooms ask nothing of the store, and a message costs its share of one commit", async () => {
  await using server = await startServer({ RATE_LIMIT: "10000", RATE_BURST: "10000" });
  const clients = await Promise.all(
    Array.from({ length: 50 }, (_, i) => server.connect(`room=idle-${i % 10}&subscribe=chat`)),
  );
  const before = { ...server.store.calls };
  await new Promise((resolve) => setTimeout(resolve, 1500));
  assertEquals(server.store.calls, before);

  const [ann] = clients;
  await ann!.ask({ type: "chat", data: "one" });
  assertEquals(server.store.calls, { reads: before.reads, commits: before.commits + 1 });
  await Promise.all(Array.from({ length: 300 }, (_, i) => ann!.ask({ type: "chat", data: i })));
  assertEquals(server.store.calls.reads, before.reads);
  const commits = server.store.calls.commits - before.commits;
  assertEquals(commits < 100, true, `${commits} commits for 301 messages`);
  await Promise.all(clients.map((client) => client.close()));
});

Deno.test("who has left leaves nothing behind", async () => {
  await using server = await startServer();
  const clients = await Promise.all(
    Array.from({ length: 20 }, (_, i) => server.connect(`room=gone-${i % 4}&subscribe=a,b,c`)),
  );
  await Promise.all(clients.map((client) => client.close()));
  while (server.server.connections.size > 0) await new Promise((resolve) => setTimeout(resolve, 5));
  assertEquals(server.server.backend.hub.rooms.size, 0);
});

Deno.test({
  name: "who vanishes before the socket has opened leaves no ghost",
  // The runtime holds on to what it has upgraded and lost.
  sanitizeOps: false,
  sanitizeResources: false,
  fn: vanish,
});

async function vanish(): Promise<void> {
  await using server = await startServer();
  const request = [
    "GET /websocket?room=ghost HTTP/1.1",
    "Host: x",
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
  ];
  for (let i = 0; i < 20; i++) {
    using connection = await Deno.connect({ hostname: "127.0.0.1", port: server.port });
    await connection.write(new TextEncoder().encode(`${request.join("\r\n")}\r\n\r\n`));
  }
  await using ann = await server.connect("room=here");
  await ann.settled();
  // The runtime never tells of such a socket again, so this takes until a deadline of 10 seconds.
  const { rooms } = server.server.backend.hub;
  const until = performance.now() + 15_000;
  while (rooms.has("ghost") && performance.now() < until) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assertEquals([...rooms.keys()], ["here"]);
}
