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
  assertEquals(server.server.hub.rooms.size, 0);
});
