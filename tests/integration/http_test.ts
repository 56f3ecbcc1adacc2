import { assert, assertEquals } from "@std/assert";
import { startServer } from "../harness/server.ts";

Deno.test("anyone may know who is in a room, by what they say of themselves", async () => {
  await using server = await startServer();
  const get = async (path: string): Promise<[number, Record<string, unknown>]> => {
    const response = await fetch(`${server.url}${path}`);
    return [response.status, await response.json()];
  };
  await using ann = await server.connect("room=r&session=ann");
  await using _annToo = await server.connect("room=r&session=ann");
  await using _ben = await server.connect("room=r");
  await ann.ask({ type: "login", data: { name: "Ann", _secret: 1 } });
  await ann.ask({ type: "chat", data: "hello" });
  assertEquals(await get("/users?room=r"), [200, {
    room: "r",
    count: 2,
    users: [
      { user_id: ann.connection.user_id, suffix: 1, properties: { name: "Ann" }, connections: 2 },
      { user_id: _ben.connection.user_id, suffix: 2, properties: {}, connections: 1 },
    ],
  }]);
  assertEquals(await get("/details?room=r"), [200, {
    room: "r",
    exists: true,
    epoch: ann.connection.epoch,
    offset: "1",
    connections: 3,
    users: 2,
  }]);
  const [, stats] = await get("/stats");
  assertEquals([stats.rooms, stats.connections], [1, 3]);
  assertEquals(stats.messages_received, 2);
  assertEquals((await get("/healthz"))[1].status, "ok");
});

Deno.test("bad requests get an error that says why, and make no room", async () => {
  await using server = await startServer();
  for (
    const [path, status, code] of [
      ["/users?room=", 400, "invalid_message"],
      [`/details?room=${"é".repeat(129)}`, 400, "invalid_message"],
      ["/nothing/here", 404, "not_found"],
      ["/../main.ts", 404, "not_found"],
      ["/assets/..%2f..%2fpages.ts", 404, "not_found"],
    ] as const
  ) {
    const response = await fetch(`${server.url}${path}`);
    const { error } = await response.json();
    assertEquals([response.status, error.code], [status, code], path);
    assert(!error.message.includes("at "), "a stack trace");
  }
  await (await fetch(`${server.url}/details?room=looked-at`)).body?.cancel();
  assertEquals(await server.store.list({ prefix: ["room"] }, { limit: 10 }), []);
});
