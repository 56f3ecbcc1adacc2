import { assertEquals } from "@std/assert";
import { z } from "zod";
import { ProtocolError, setErrorReporter } from "../../lib/errors.ts";
import { defineFunction } from "../../lib/functions/function.ts";
import type { EventHandler } from "../../lib/socket_events.ts";
import { promote } from "../harness/admin.ts";
import type { Received, TestClient } from "../harness/client.ts";
import { startServer } from "../harness/server.ts";
import { onEveryStore } from "../harness/stores.ts";
import { range } from "../harness/util.ts";

/** Sets what no message does: any key, by whomever. */
const set = defineFunction({
  name: "set",
  input: z.object({ key: z.string(), value: z.any() }),
  run: ({ key, value }, { room }) => room.data.set(key, value),
});

for (const servers of [1, 2]) {
  onEveryStore(`data is told now and whenever it changes, on ${servers} servers`, async (start) => {
    const open = () => start({ LEASE_SECONDS: "2" }, { functions: [set] });
    await using first = await open();
    await using other = servers === 2 ? await open() : undefined;
    const second = other ?? first;
    await using admin = await first.connect("room=r");
    await using here = await first.connect("room=r");
    await using there = await second.connect("room=r");
    await using elsewhere = await second.connect("room=s");
    await promote(admin);
    for (const client of [here, there, elsewhere]) {
      client.send({ event: "data:get:this-item" });
      assertEquals(await client.find(({ event }) => event), dataSet("this-item", null));
    }
    const put = (value: unknown) => admin.ask({ type: "data", data: { key: "this-item", value } });
    // Some 60 KB.
    const long = { text: "é\u2028".repeat(12_000) };
    for (const value of [1, "two", { three: [3, null] }, false, long, "short"]) {
      assertEquals(await put(value), { key: "this-item" });
      for (const client of [here, there]) await told(client, "this-item", value);
    }
    await there.ask({ type: "call", data: { type: "set", key: "this-item", value: 4 } });
    for (const client of [here, there]) await told(client, "this-item", 4);
    await put(null);
    for (const client of [here, there]) await told(client, "this-item", null);
    await using late = await second.connect("room=r");
    late.send({ event: "data:get:this-item" });
    await told(late, "this-item", null);
    await elsewhere.settled();
    assertEquals(values(elsewhere, "this-item"), [null], "another room's data is its own");

    // Asked twice, it is told twice, and of a change once.
    for (const _ of range(1, 2)) await here.ask({ event: "data:get:other" });
    await admin.ask({ type: "data", data: { key: "other", value: 1 } });
    await told(here, "other", 1);
    await here.settled();
    assertEquals(values(here, "other"), [null, null, 1]);
    await here.ask({ type: "unsubscribe", data: "data:other" });
    await admin.ask({ type: "data", data: { key: "other", value: 2 } });
    await here.settled();
    assertEquals(values(here, "other"), [null, null, 1]);
  }, { durable: servers === 2 });
}

onEveryStore("a value that is deleted leaves nothing behind, however long", async (start) => {
  await using server = await start();
  await using admin = await server.connect("room=r");
  await promote(admin);
  // Of this number the shortest text makes four times as much; more than that is too much.
  const value = (count: number): string => `[${range(1, count).map(() => "1e20")}]`;
  const set = (text: string): void => {
    admin.send(`{"type":"data","id":1,"data":{"key":"k","value":${text}}}`);
  };
  admin.send({ event: "data:get:k" });
  set(value(10_000));
  assertEquals((await admin.next("error")).data.path, "data.value");
  set(value(2900));
  await told(admin, "k", JSON.parse(value(2900)));
  await admin.ask({ type: "data", data: { key: "k", value: null } });
  await told(admin, "k", null);
  const left = await server.store.list({ prefix: ["room", "r", "data"] }, { limit: 10 });
  assertEquals(left.map(({ key }) => key), []);
});

onEveryStore("only admins set data, and only under names", async (start) => {
  await using server = await start();
  await using ann = await server.connect();
  await using ben = await server.connect();
  ann.send({ event: "data:get:k" });
  await told(ann, "k", null);
  const data = { key: "k", value: 1 };
  assertEquals((await ben.refusal({ type: "data", data })).code, "not_allowed");
  await promote(ben);
  const bad = [
    ["data.key", { value: 1 }],
    ["data.key", { key: "", value: 1 }],
    ["data.key", { key: "x".repeat(257), value: 1 }],
    ["data.key", { key: "\ud800", value: 1 }],
    ["data.value", { key: "k" }],
    ["data", 1],
  ] as const;
  for (const [path, data] of bad) {
    assertEquals((await ben.refusal({ type: "data", data })).path, path);
  }
  await ann.settled();
  assertEquals(values(ann, "k"), [null]);
  // A key is any text.
  for (const key of ["a:b", "get:c", "__proto__", " ", "../..", "日本", "1"]) {
    await ben.ask({ type: "data", data: { key, value: key } });
    ann.send({ event: `data:get:${key}` });
    await told(ann, key, key);
  }
  for (const key of ["", "x".repeat(257), "\ud800"]) {
    const refused = await ann.refusal({ event: `data:get:${key}` });
    assertEquals([refused.code, refused.path], ["invalid_message", "event"]);
  }
  await ben.ask({ type: "data", data: { key: 1, value: "by a number" } });
  await told(ann, "1", "by a number");
});

Deno.test("of a connection's data there is as much as of other subscriptions", async () => {
  await using server = await startServer({ MAX_SUBSCRIPTIONS: "3" });
  await using ann = await server.connect("subscribe=chat");
  // In one go, as nothing keeps a client from sending.
  const asked = range(1, 5).map((i) => {
    return ann.ask({ event: `data:get:${i}` }).catch(({ data }) => data.code);
  });
  const limit = "limit_exceeded";
  assertEquals(await Promise.all(asked), [null, null, limit, limit, limit]);
  assertEquals(await ann.ask({ event: "data:get:1" }), null, "it is held already");
  await ann.ask({ type: "unsubscribe", data: "data" });
  assertEquals(await ann.ask({ event: "data:get:5" }), null);
});

Deno.test("SOCKET_EVENTS says which events are heeded", async () => {
  const cases = [
    ["true", true, true],
    ["false", false, false],
    ["data", true, false],
    ["passthrough", false, true],
  ] as const;
  for (const [mode, data, passthrough] of cases) {
    const seen: string[] = [];
    const events = { hello: () => seen.push("hello"), "data:get:k": () => seen.push("data") };
    await using server = await startServer({ SOCKET_EVENTS: mode }, { events });
    await using ann = await server.connect();
    for (const event of ["hello", "data:get:k", "nobody's"]) ann.send({ event });
    if (data) await told(ann, "k", null);
    await ann.settled();
    assertEquals(values(ann, "k"), data ? [null] : [], mode);
    // Where data is not the server's business, its event is one like any other.
    const wanted = passthrough ? data ? ["hello"] : ["hello", "data"] : [];
    assertEquals(seen, wanted, mode);
    const refused = await ann.refusal({ event: "nobody's" });
    assertEquals([refused.code, ann.all("error").length], ["not_found", 1]);
    if (!passthrough) assertEquals((await ann.refusal({ event: "hello" })).code, "not_found");
  }
});

onEveryStore("an event's handler gets the message and the socket", async (start) => {
  const reported: unknown[] = [];
  setErrorReporter((error) => reported.push(error));
  const goOn = Promise.withResolvers<void>();
  const seen: Received[] = [];
  const events: Record<string, EventHandler> = {
    "authorize:user": async ({ message, socket }) => {
      const { clientId, userId, room } = socket;
      seen.push([message, clientId, userId, room]);
      await Promise.resolve();
      socket.send({ event: "authorized" });
      socket.send(JSON.stringify({ event: "authorized", text: true }));
    },
    slow: () => goOn.promise,
    throwing: () => {
      throw new Error("a secret");
    },
    rejecting: () => Promise.reject(new Error("a secret")),
    refusing: () => Promise.reject(new ProtocolError("not_allowed", "Not on Sundays.")),
    leave: ({ socket }) => {
      socket.send({ event: "farewell" });
      socket.close();
      socket.send({ event: "too late" });
    },
    __proto__: null as never,
  };
  try {
    await using server = await start({}, { events });
    await using ann = await server.connect("room=r");
    const { client_id, user_id } = ann.connection;
    const message = { event: "authorize:user", credentialsObj: { token: "abcd" }, data: [1] };
    ann.send(message);
    await ann.find(({ text }) => text);
    assertEquals(seen, [[message, client_id, user_id, "r"]]);
    assertEquals(ann.messages.filter(({ event }) => event).length, 2);
    assertEquals(await ann.ask({ event: "authorize:user" }), null);
    // A slow one holds nobody up.
    ann.send({ event: "slow", id: "slow" });
    await ann.settled();
    goOn.resolve();
    await ann.find(({ type, id }) => type === "ack" && id === "slow");

    for (const event of ["throwing", "rejecting"]) {
      ann.send({ event });
      await ann.settled();
      assertEquals(ann.all("error"), []);
    }
    assertEquals(reported.length, 2);
    assertEquals((await ann.refusal({ event: "throwing" })).code, "internal");
    const { code, message: told } = await ann.refusal({ event: "refusing" });
    assertEquals([code, told], ["not_allowed", "Not on Sundays."]);

    // What is nobody's business, or everybody's, is ignored.
    const before = ann.messages.length;
    const nobodys = [
      "nobody's",
      "",
      "toString",
      "__proto__",
      "constructor",
      "data:get",
      "data:set:k",
    ];
    for (const event of nobodys) ann.send({ event });
    ann.send({ neither: 1 });
    await ann.settled();
    assertEquals(ann.messages.slice(before).map(({ type }) => type), ["profile", "ack"]);
    // Beside a type an event is one field more.
    assertEquals(await ann.ask({ type: "report", event: "authorize:user" }), null);
    assertEquals(seen.length, 2);
    for (const event of [1, null, {}, "x".repeat(513)]) {
      const refused = await ann.refusal({ event });
      assertEquals([refused.code, refused.path], ["invalid_message", "event"]);
    }
    ann.send({ event: "leave" });
    assertEquals((await ann.closed).code, 1000);
    assertEquals(ann.messages.at(-1), { event: "farewell" });
  } finally {
    setErrorReporter((error) => console.error(error));
  }
});

Deno.test("what a handler sends as text stays apart from batched messages", async () => {
  const events: Record<string, EventHandler> = {
    say({ socket }) {
      socket.send("plain text");
      socket.send({ event: "said" });
    },
  };
  await using server = await startServer({}, { events });
  const socket = new WebSocket(`ws://127.0.0.1:${server.port}/websocket?batch=1`);
  const frames: string[] = [];
  const acknowledged = new Promise<void>((resolve) => {
    socket.onmessage = ({ data }) => {
      frames.push(data);
      if (data.includes('"ack"')) resolve();
    };
  });
  await new Promise((resolve) => socket.onopen = resolve);
  socket.send(JSON.stringify({ event: "say", id: 1 }));
  await acknowledged;
  const closed = new Promise((resolve) => socket.onclose = resolve);
  socket.close();
  await closed;
  assertEquals(frames.filter((frame) => frame !== "plain text").filter(isNotJson), []);
});

function isNotJson(text: string): boolean {
  try {
    JSON.parse(text);
    return false;
  } catch {
    return true;
  }
}

function dataSet(key: string, data: unknown): Received {
  return { event: `data:set:${key}`, data };
}

/** Every value of a key that a client has been told. */
function values({ messages }: TestClient, key: string): unknown[] {
  return messages.filter(({ event }) => event === `data:set:${key}`).map(({ data }) => data);
}

/** Waits until the last that a client has been told of a key is `value`. */
async function told(client: TestClient, key: string, value: unknown): Promise<void> {
  const wanted = JSON.stringify(value);
  await client.find(() => JSON.stringify(values(client, key).at(-1)) === wanted);
}
