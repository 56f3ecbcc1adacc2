import { assert, assertEquals } from "@std/assert";
import { sweep } from "../../lib/bus/sweep.ts";
import type { TestClient } from "../harness/client.ts";
import { Denokv, denokvProgram } from "../harness/denokv.ts";
import { ServerProcess } from "../harness/process.ts";
import { onEveryStore } from "../harness/stores.ts";
import { pause } from "../harness/util.ts";

onEveryStore("who was found dead and is not begins anew, and has missed nothing", async (start) => {
  const open = () => start({ LEASE_SECONDS: "1" }, { openChannel: () => undefined });
  await using first = await open();
  await using second = await open();
  await using ann = await first.connect("room=r&session=ann&subscribe=chat,counter:c");
  await using ben = await second.connect("room=r&session=ben&subscribe=presence,ephemeralPoll");
  await ann.ask({ type: "ephemeralPoll", data: { id: "q", answer: "a" } });
  await ben.find(({ type, data }) => type === "ephemeralPoll" && data.stats.a === 1);

  for (const round of [1, 2]) {
    const { sharing } = first.server.backend.hub.rooms.get("r")!;
    await sweep(second.store, sharing!.outside.self);
    // Not on the roster now, it is told nothing; its own commits would put it back.
    await ben.ask({ type: "chat", data: round });
    await ben.ask({ type: "counter", data: { id: "c", value: 1 } });
    await ann.find(({ type, data }) => type === "chat" && data.message === round);
    await ann.find(({ type, data }) => type === "counter" && data.value === String(round));
    await ben.find(() => ben.all("presence").length === 1 + 2 * round);
    await ben.find(() => ben.all("ephemeralPoll").at(-1).data.stats.a === 1);
  }
  assertEquals(ben.all("presence").map(({ data }) => [data.event, data.count]), [
    ["state", 2],
    ["leave", 1],
    ["join", 2],
    ["leave", 1],
    ["join", 2],
  ]);
  assertEquals(ann.all("chat").map(({ offset }) => offset), ["1", "2"]);
  await ann.ask({ type: "chat", data: 3 });
  // Of its former lives nothing is left.
  await pause(1500);
  const records = await second.store.list({ prefix: ["alive"] }, { limit: 100 });
  assertEquals(records.length, 2);
  const joined = await second.store.list({ prefix: ["joined"] }, { limit: 100 });
  const addresses = joined.filter(({ key }) => key[2] === "at");
  // Of each connection its client, its channel and its user.
  assertEquals([joined.length - addresses.length, addresses.length], [2, 6]);
  const held = await second.store.list({ prefix: ["room", "r", "held"] }, { limit: 100 });
  assertEquals(new Set(held.map(({ key }) => key[3])).size, 2);
}, { durable: true });

onEveryStore("who leaves in order is missed at once", async (start) => {
  const open = () => start({ LEASE_SECONDS: "60" }, { openChannel: () => undefined });
  await using first = await open();
  const second = await open();
  await using ann = await first.connect("room=r&subscribe=presence");
  const ben = await second.connect("room=r&session=ben");
  await ann.find(({ type, data }) => type === "presence" && data.count === 2);
  await second[Symbol.asyncDispose]();
  await ann.find(({ type, data }) => type === "presence" && data.event === "leave");
  const offline = await ann.find(({ type, data }) =>
    type === "STATUS_CHANGE" && data.status === "OFFLINE"
  );
  assertEquals(offline.data.user_id, ben.connection.user_id);
  const left = await first.store.list({ prefix: ["alive"] }, { limit: 100 });
  assertEquals(left.length, 1);
  await ben.closed;
}, { durable: true });

onEveryStore("an isolate that is alone asks nothing, and leaves nothing behind", async (start) => {
  await using server = await start();
  const clients = await Promise.all(
    Array.from({ length: 20 }, (_, i) => server.connect(`room=idle-${i % 4}&subscribe=chat`)),
  );
  await pause(500);
  const { reads, commits } = server.store.calls;
  await pause(1000);
  assertEquals(server.store.calls, { reads, commits });
  await clients[0]!.ask({ type: "chat", data: "one" });
  assertEquals(server.store.calls, { reads, commits: commits + 1 });
  await Promise.all(clients.map((client) => client.close()));
  while (server.server.backend.hub.rooms.size > 0) await pause(20);
  const rosters = await Promise.all([0, 1, 2, 3].map((i) => {
    return server.store.get(["room", `idle-${i}`, "roster"]);
  }));
  assertEquals(rosters.map(({ value }) => value), [null, null, null, null]);
  const joined = await server.store.list({ prefix: ["joined"] }, { limit: 100 });
  assertEquals(joined, []);
}, { durable: true });

onEveryStore("a room is on as many isolates as it may be", async (start) => {
  const open = () => start({ MAX_ISOLATES_PER_ROOM: "2" });
  await using first = await open();
  await using second = await open();
  await using third = await open();
  await using _ann = await first.connect("room=r");
  await using ben = await second.connect("room=r");
  const upgrade = { "Upgrade": "websocket", "Connection": "Upgrade" };
  const refused = await fetch(`${third.url}/websocket?room=r`, { headers: upgrade });
  assertEquals([refused.status, (await refused.json()).error.code], [429, "limit_exceeded"]);
  await using _other = await third.connect("room=other");
  await ben.close();
  while (second.server.backend.hub.rooms.has("r")) await pause(20);
  await using _cay = await third.connect("room=r");
}, { durable: true });

Deno.test({
  name: "after all have died, nobody comes back as a ghost",
  ignore: denokvProgram === undefined,
  fn: async () => {
    await using denokv = await Denokv.start();
    const environment = { KV_URL: denokv.url, LEASE_SECONDS: "30", LOG_LEVEL: "error" };
    const servers = await Promise.all([1, 2].map(() => ServerProcess.start(environment)));
    const clients = await Promise.all(servers.map((server, i) => {
      return server.connect(`room=r&session=${i}&subscribe=presence,ephemeralPoll:q`);
    }));
    for (const client of clients) {
      await client.ask({ type: "ephemeralPoll", data: { id: "q", answer: "a" } });
    }
    for (const client of clients) {
      await client.find(({ type, data }) => type === "ephemeralPoll" && data.stats.a === 2);
      await client.find(({ type, data }) => type === "presence" && data.count === 2);
    }
    await Promise.all(servers.map((server) => server.end("SIGKILL")));
    await Promise.all(clients.map(({ closed }) => closed));
    // Their records are still fresh; their silence is what tells.
    await using survivor = await ServerProcess.start({ ...environment, LEASE_SECONDS: "2" });
    const startedAt = performance.now();
    await using cay = await survivor.connect("room=r&subscribe=presence,ephemeralPoll:q");
    while (cay.all("presence").at(-1)?.data.count !== 1) await pause(20);
    while (JSON.stringify(cay.all("ephemeralPoll").at(-1)?.data.stats) !== "{}") await pause(20);
    const took = performance.now() - startedAt;
    assert(took < 4000, `ghosts stayed for ${took} ms`);
  },
});

Deno.test({
  name: "users whom a killed process had are told to be offline, those with others are not",
  ignore: denokvProgram === undefined,
  fn: async () => {
    await using denokv = await Denokv.start();
    const environment = { KV_URL: denokv.url, LEASE_SECONDS: "2", LOG_LEVEL: "error" };
    await using doomed = await ServerProcess.start(environment);
    await using survivor = await ServerProcess.start(environment);
    await using watcher = await survivor.connect("room=r&subscribe=presence");
    const only = await doomed.connect("room=r&session=only");
    await doomed.connect("room=r&session=both");
    await using both = await survivor.connect("room=elsewhere&session=both");
    await watcher.find(({ type, data }) => type === "presence" && data.count === 3);
    both.send({ type: "status", data: "AWAY" });
    await both.settled();
    await doomed.end("SIGKILL");
    const diedAt = performance.now();
    const change = (client: TestClient, user: string, status: string): Promise<unknown> => {
      return client.find(({ type, data }) => {
        return type === "STATUS_CHANGE" && data.user_id === user && data.status === status;
      });
    };
    await change(watcher, only.connection.user_id, "OFFLINE");
    // What is left of the other user is a connection that is away.
    await change(both, both.connection.user_id, "AWAY");
    const took = performance.now() - diedAt;
    assert(took < 3000, `it took ${took} ms`);
    assertEquals(
      watcher.all("STATUS_CHANGE").filter(({ data }) => {
        return data.user_id === both.connection.user_id && data.status === "OFFLINE";
      }),
      [],
    );
  },
});
