import { assert, assertEquals } from "@std/assert";
import { SignJWT } from "jose";
import { z } from "zod";
import { createReactions } from "../../functions/reactions.ts";
import { ProtocolError, setErrorReporter } from "../../lib/errors.ts";
import { type AnyFunction, defineFunction } from "../../lib/functions/function.ts";
import type { ServerOptions } from "../../lib/server.ts";
import { promote } from "../harness/admin.ts";
import { type Received, Refused, type TestClient } from "../harness/client.ts";
import { Denokv, denokvProgram } from "../harness/denokv.ts";
import { ServerProcess } from "../harness/process.ts";
import { seededRandom } from "../harness/random.ts";
import { startServer, type TestServer } from "../harness/server.ts";
import { onEveryStore } from "../harness/stores.ts";
import { pause, range } from "../harness/util.ts";

const SECRET = "a secret of the tests, of thirty-two bytes or more";
const LOOSE = { RATE_LIMIT: "100000", RATE_BURST: "100000", LEASE_SECONDS: "2" };
const NOTHING = z.object({});

const add = defineFunction({
  name: "add",
  input: z.object({ a: z.number(), b: z.number("must be a number") }),
  run: ({ a, b }, { caller, room }) => ({ sum: a + b, user: caller.userId, room: room.name }),
});

/** Tells all that the room holds under the names of these tests. */
const look = defineFunction({
  name: "look",
  input: NOTHING,
  async run(_input, { room }) {
    const { counter, poll, data, log } = room;
    return {
      counter: await counter.value("c"),
      poll: await poll.stats("p"),
      data: await data.get("d"),
      log: await log.last(10),
    };
  },
});

const UNTOUCHED = { counter: "0", poll: {}, data: null, log: [] };

/** Does all that a function can. */
const everything = defineFunction({
  name: "everything",
  input: z.object({
    users: z.array(z.string()),
    channels: z.array(z.string()),
    clients: z.array(z.string()),
    rooms: z.array(z.string()),
  }),
  async run({ users, channels, clients, rooms }, { room, notify }) {
    const before = await room.data.get("d");
    room.data.set("d", { n: 1 });
    room.counter.add("c");
    room.counter.add("c", "0.5");
    room.poll.vote("p", "yes");
    room.log.broadcast("notice", 1);
    room.log.broadcast("chat", { message: 2 }, { to: "chat" });
    room.signal("blink", 3);
    notify.self({ type: "to self" });
    notify.users(users, { type: "to users" });
    notify.channels(channels, { type: "to channels" });
    notify.clients(clients, { type: "to clients" });
    notify.rooms(rooms, { type: "to rooms" });
    // Of the room's data a function sees what it has set itself; of the rest, what is committed.
    return { before, after: await room.data.get("d"), counter: await room.counter.value("c") };
  },
});

onEveryStore("a function is the same by whatever way it is called", async (start) => {
  await using server = await start({}, { functions: [add] });
  await using ann = await server.connect("room=r&session=ann");
  const context = { a: 1, b: 2 };
  const sum = { sum: 3, user: ann.connection.user_id, room: "r" };
  const walked = { status: 200, reports: [sum], returns: [sum] };
  const walker = { type: "walker", walker: "add" };

  assertEquals(await ann.ask(call("add", { ...context })), sum);
  assertEquals(await ann.ask({ ...walker, context }), sum);
  ann.send({ ...walker, context });
  await ann.settled();
  assertEquals(ann.all("walker"), []);
  assertEquals(await ann.ask({ ...walker, context, response: true }), sum);
  assertEquals(ann.all("walker"), [{ ...walker, ...walked }]);
  ann.send({ ...walker, context, response: true });
  await ann.find(() => ann.all("walker").length === 2);
  assertEquals(ann.all("walker")[1], { ...walker, ...walked });
  assertEquals(ann.all("ack").filter(({ id }) => id === undefined), []);

  const query = "?room=r&session=ann";
  assertEquals(await post(server, `/functions/add${query}`, context), [200, { data: sum }]);
  assertEquals(await post(server, `/walker/add${query}`, context), [200, walked]);
});

onEveryStore("what cannot be called is refused by the way it was called", async (start) => {
  await using server = await start({}, { functions: [add, { ...add, name: "rule", admin: true }] });
  await using ann = await server.connect("room=r&session=ann");
  const cases = [
    ["nothing", { a: 1, b: 2 }, "not_found", undefined, 404],
    ["__proto__", { a: 1, b: 2 }, "not_found", undefined, 404],
    ["add", { a: 1, b: "2" }, "invalid_message", "b", 400],
    ["add", { a: 1 }, "invalid_message", "b", 400],
    ["rule", { a: 1, b: 2 }, "not_allowed", undefined, 403],
  ] as const;
  for (const [name, input, code, path, status] of cases) {
    const at = (place: string): string | undefined => path && `${place}.${path}`;
    const called = await ann.refusal(call(name, { ...input }));
    assertEquals([called.code, called.path], [code, at("data")], name);
    const walker = { type: "walker", walker: name, context: input };
    const walked = await ann.refusal(walker);
    assertEquals([walked.code, walked.path], [code, at("context")]);
    ann.send({ ...walker, response: true });
    assertEquals(await ann.next("walker"), { type: "walker", error: walked.message });
    for (const way of ["functions", "walker"]) {
      const [answered, { error }] = await post(server, `/${way}/${name}?room=r`, input);
      assertEquals([answered, error.code], [status, code]);
      if (path) assert(error.message.startsWith(`${path}: `), error.message);
    }
  }
  const refusals = [
    [{ type: "call" }, "data"],
    [{ type: "call", data: {} }, "data.type"],
    [{ type: "walker" }, "walker"],
    [{ type: "walker", walker: "add", context: [] }, "context"],
    [{ type: "walker", walker: "add", response: "yes" }, "response"],
  ] as const;
  for (const [message, path] of refusals) assertEquals((await ann.refusal(message)).path, path);
  await promote(ann);
  assertEquals((await ann.ask(call("rule", { a: 1, b: 2 }))).sum, 3);
});

onEveryStore(
  "a failure tells its caller what is meant for it, and leaves no trace",
  async (start) => {
    const reported: unknown[] = [];
    setErrorReporter((error) => reported.push(error));
    try {
      const failing = defineFunction({
        name: "failing",
        input: z.object({ how: z.string() }),
        async run({ how }, { room, notify }) {
          doAll(room, notify);
          if (how === "refused") throw new ProtocolError("not_allowed", "Not on Sundays.");
          if (how === "answer") return { secret: 1n } as never;
          if (how === "name") room.data.set("", 1);
          if (how === "much") { for (const i of range(1, 100)) room.data.set(`k${i}`, i); }
          await Promise.reject(new Error("a secret"));
        },
      });
      await using server = await start({}, { functions: [failing, look] });
      await using ann = await server.connect("room=r&subscribe=chat,counter,poll,data,signal");
      await using ben = await server.connect("room=r&subscribe=chat,counter,poll,data,signal");
      const told = await ann.refusal(call("failing", { how: "refused" }));
      assertEquals([told.code, told.message], ["not_allowed", "Not on Sundays."]);
      const [status, { error }] = await post(server, "/walker/failing?room=r", { how: "refused" });
      assertEquals([status, error], [403, { code: "not_allowed", message: "Not on Sundays." }]);
      for (const how of ["answer", "name", "much", "error"]) {
        const { code } = await ann.refusal(call("failing", { how }));
        assertEquals(code, "internal", how);
        const [status, body] = await post(server, "/functions/failing?room=r", { how });
        assertEquals([status, body.error.code], [500, "internal"]);
        assert(!/secret|stack|\.ts/.test(JSON.stringify(body)));
      }
      assertEquals(reported.length, 8);
      assertEquals(await ann.ask(call("look")), UNTOUCHED);
      await ben.settled();
      for (const client of [ann, ben]) assertEquals(strange(client), []);
      assert(!JSON.stringify(ann.messages).includes("a secret"));
    } finally {
      setErrorReporter((error) => console.error(error));
    }
  },
);

Deno.test("what is thrown and is no error is a failure like any other", async () => {
  setErrorReporter(() => {});
  try {
    const run = () => Promise.reject("a secret");
    const throwing = defineFunction({ name: "throwing", input: NOTHING, run });
    await using server = await startServer({}, { functions: [throwing] });
    await using ann = await server.connect();
    assertEquals((await ann.refusal(call("throwing"))).code, "internal");
    const [status, { error }] = await post(server, "/functions/throwing");
    assertEquals([status, error.code], [500, "internal"]);
  } finally {
    setErrorReporter((error) => console.error(error));
  }
});

onEveryStore("what comes too late has no effect", async (start) => {
  let goOn = Promise.withResolvers<void>();
  let ended = Promise.withResolvers<unknown>();
  const slow = defineFunction({
    name: "slow",
    input: NOTHING,
    async run(_input, { room, notify, abort }) {
      doAll(room, notify);
      await goOn.promise;
      try {
        doAll(room, notify);
        ended.resolve("did it");
      } catch {
        ended.resolve(abort.aborted);
      }
    },
  });
  await using server = await start({ FUNCTION_TIMEOUT_MS: "50" }, {
    functions: [slow, look],
  });
  await using ann = await server.connect("room=r&subscribe=chat,signal");
  for (const again of [false, true]) {
    goOn = Promise.withResolvers();
    ended = Promise.withResolvers();
    const { code, message } = again
      ? (await post(server, "/functions/slow?room=r"))[1].error
      : await ann.refusal(call("slow"));
    assertEquals([code, /nothing was applied/.test(message)], ["unavailable", true]);
    goOn.resolve();
    assertEquals(await ended.promise, true, "it was told, and could do no more");
  }
});

onEveryStore("what a function does after it has returned has no effect", async (start) => {
  let ended = Promise.withResolvers<string>();
  const early = defineFunction({
    name: "early",
    input: z.object({ what: z.string() }),
    run({ what }, { room, notify }) {
      // A counter that has not been looked at of late keeps the commit waiting for a reading.
      room.counter.add(`called for ${what}`);
      room.counter.value("c").then(() => {
        if (what === "data") room.data.set("d", "late");
        if (what === "counter") room.counter.add("c");
        if (what === "log") room.log.broadcast("chat", "late", { to: "chat" });
        if (what === "notify") notify.rooms(["r"], { type: "to rooms" });
        if (what === "signal") room.signal("blink", "late");
      }).then(() => ended.resolve("did it"), () => ended.resolve("refused"));
    },
  });
  await using server = await start({}, { functions: [early, look] });
  await using ann = await server.connect("room=r&subscribe=chat,signal");
  const faults: unknown[] = [];
  for (const what of ["data", "counter", "log", "notify", "signal"]) {
    ended = Promise.withResolvers();
    const answer = await ann.ask(call("early", { what })).catch(({ data }) => data.code);
    if (answer !== null) faults.push([what, answer]);
    if (await ended.promise !== "refused") faults.push(what);
  }
  assertEquals([faults, strange(ann)], [[], []]);
  assertEquals(await ann.ask(call("look")), UNTOUCHED);
});

for (const servers of [1, 2]) {
  onEveryStore(`all that a function does happens, on ${servers} servers`, async (start) => {
    const open = () => start(LOOSE, { functions: [everything, look] });
    await using first = await open();
    await using other = servers === 2 ? await open() : undefined;
    const second = other ?? first;
    await using ann = await first.connect("room=a&session=ann");
    await ann.ask({ type: "login", data: { name: "Ann", _email: "ann@example.com" } });
    await using ben = await second.connect("room=a&subscribe=chat,counter:c,poll:p,signal,data:d");
    await using cay = await second.connect("room=b&channel_id=garden");
    if (other) await known(first, 3);
    const targets = {
      users: [ben.connection.user_id, "nobody"],
      channels: ["garden"],
      clients: [cay.connection.client_id, ann.connection.client_id],
      rooms: ["b", "empty"],
    };
    const answer = await ann.ask(call("everything", { ...targets }));
    assertEquals(answer, { before: null, after: { n: 1 }, counter: "0" });

    await ben.find(({ type, data }) => type === "counter" && data.value === "1.5");
    await ben.find(({ type, data }) => type === "poll" && data.stats.yes === 1);
    await ben.find(({ event, data }) => event === "data:set:d" && data?.n === 1);
    const user = { suffix: 1, properties: { name: "Ann" } };
    const signal = { event: "blink", data: 3, user };
    assertEquals((await ben.find(({ type }) => type === "signal")).data, signal);
    const log = [
      { type: "notice", data: 1, offset: "1" },
      { type: "chat", data: { message: 2 }, offset: "2" },
    ];
    assertEquals([await ben.next("notice"), await ben.next("chat")], log);
    await ben.find(({ type }) => type === "to users");
    for (const type of ["to channels", "to clients", "to rooms"]) await cay.next(type);
    await ann.find(({ type }) => type === "to clients");
    const own = ann.messages.filter(({ type }) => /^to |notice|chat|signal/.test(type));
    assertEquals(own.map(({ type }) => type).toSorted(), ["notice", "to clients", "to self"]);
    assertEquals(ben.messages.filter(({ type }) => /^to /.test(type)), [{ type: "to users" }]);
    assertEquals(cay.messages.filter(({ type }) => /^to /.test(type)).length, 3);
    const seen = await post(second, "/functions/look?room=a");
    const state = { counter: "1.5", poll: { yes: 1 }, data: { n: 1 }, log };
    assertEquals(seen, [200, { data: state }]);
  }, { durable: servers === 2 });
}

onEveryStore("a call by HTTP reaches everyone from a server that nobody is on", async (start) => {
  const open = () => start(LOOSE, { functions: [everything] });
  await using first = await open();
  await using ann = await first.connect("room=a&channel_id=garden&subscribe=chat,signal,data:d");
  await using second = await open();
  const { client_id, user_id } = ann.connection;
  const targets = { users: [user_id], channels: ["garden"], clients: [client_id], rooms: ["a"] };
  const [status] = await post(second, "/functions/everything?room=a", targets);
  assertEquals(status, 200);
  await ann.find(({ event, data }) => event === "data:set:d" && data?.n === 1);
  for (const wanted of ["notice", "signal"]) await ann.find(({ type }) => type === wanted);
  // They know of each other from now on.
  await known(first, 1);
  await post(second, "/functions/everything?room=a", targets);
  for (const type of ["to users", "to channels", "to clients", "to rooms"]) {
    await ann.find((message) => message.type === type);
  }
}, { durable: true });

onEveryStore("a server's very first call reaches everyone in a room", async (start) => {
  const cry = defineFunction({
    name: "cry",
    input: NOTHING,
    run: (_input, { room, notify }) => notify.rooms([room.name], { type: "to rooms" }),
  });
  await using first = await start(LOOSE, { functions: [cry] });
  await using ann = await first.connect("room=a");
  await using second = await start(LOOSE, { functions: [cry] });
  assertEquals(await post(second, "/functions/cry?room=a"), [200, { data: null }]);
  await ann.next("to rooms");
}, { durable: true });

onEveryStore("a call that only signals reaches other servers, too", async (start) => {
  const blink = defineFunction({
    name: "blink",
    input: NOTHING,
    run: (_input, { room }) => room.signal("blink", "alone"),
  });
  await using first = await start(LOOSE, { functions: [blink] });
  await using ann = await first.connect("room=a&subscribe=signal");
  await using second = await start(LOOSE, { functions: [blink] });
  await using _ben = await second.connect("room=b");
  await known(first, 2);
  assertEquals(await post(second, "/functions/blink?room=a"), [200, { data: null }]);
  assertEquals((await ann.next("signal")).data, { event: "blink", data: "alone" });
}, { durable: true });

onEveryStore("a call with a key has its effect once, and one answer", async (start) => {
  let drawn = 0;
  const draw = defineFunction({
    name: "draw",
    input: NOTHING,
    async run(_input, { room, notify }) {
      room.counter.add("c");
      room.log.broadcast("notice", drawn);
      room.signal("blink", null);
      notify.rooms([room.name], { type: "to rooms" });
      return await Promise.resolve(++drawn);
    },
  });
  const claim = defineFunction({
    name: "claim",
    input: NOTHING,
    async run(_input, { room }) {
      if (await room.data.get("d") !== null) throw new ProtocolError("not_allowed", "It is taken.");
      room.data.set("d", "taken");
      return { lot: ++drawn };
    },
  });
  const functions = [draw, claim, look];
  await using first = await start(LOOSE, { functions });
  // A store in memory is its server's alone.
  const shared = first.server.backend.peers !== undefined;
  await using other = shared ? await start(LOOSE, { functions }) : undefined;
  const second = other ?? first;
  await using watcher = await first.connect("room=r&subscribe=signal");
  await using ann = await first.connect("room=r&session=ann");
  await using tab = await second.connect("room=r&session=ann");
  const keyed = (client: TestClient, type: string, key: string): Promise<Received> => {
    return client.ask({ ...call(type), key });
  };
  const http = async (server: TestServer, name: string, key: string): Promise<Received> => {
    const headers = { "idempotency-key": key };
    const path = `/functions/${name}?room=r&session=ann`;
    return (await post(server, path, {}, headers))[1].data;
  };

  const answer = await keyed(ann, "draw", "k");
  assertEquals(await keyed(ann, "draw", "k"), answer);
  assertEquals(await keyed(tab, "draw", "k"), answer);
  assertEquals(await http(second, "draw", "k"), answer);
  assertEquals(await tab.ask({ type: "walker", walker: "draw", key: "k" }), answer);
  const everyWay = (name: string, key: string): Promise<Received>[] => [
    ...[ann, tab, ann, tab].map((client) => keyed(client, name, key)),
    ...[first, second].map((server) => http(server, name, key)),
  ];
  const same = await Promise.all(everyWay("draw", "l"));
  assertEquals(new Set(same).size, 1);
  const lots = await Promise.all(everyWay("claim", "m"));
  assertEquals(new Set(lots.map(({ lot }) => lot)).size, 1);
  assertEquals(await keyed(tab, "claim", "m"), lots[0]);
  await using ben = await second.connect("room=r");
  const claimed = await ben.refusal({ type: "call", data: { type: "claim" }, key: "m" });
  assertEquals(claimed.code, "not_allowed", "a key is its session's");

  const { counter, log } = await ann.ask(call("look"));
  assertEquals([counter, log.length], ["2", 2]);
  await watcher.find(() => watcher.all("to rooms").length >= 2);
  await watcher.settled();
  assertEquals([watcher.all("to rooms").length, watcher.all("signal").length], [2, 2]);
});

onEveryStore("a key is its user's, who has a token and no session", async (start) => {
  let drawn = 0;
  const draw = defineFunction({ name: "draw", input: NOTHING, run: () => ++drawn });
  await using server = await start({ JWT_SECRET: SECRET }, { functions: [draw] });
  const token = await new SignJWT({ sub: "dan" }).setProtectedHeader({ alg: "HS256" })
    .sign(new TextEncoder().encode(SECRET));
  const headers = { "idempotency-key": "n", authorization: `Bearer ${token}` };
  const asDan = () => post(server, "/functions/draw?room=r", {}, headers);
  assertEquals([await asDan(), await asDan()], [[200, { data: 1 }], [200, { data: 1 }]]);
});

onEveryStore("nothing is lost of what calls change at the same time", async (start) => {
  const raise = defineFunction({
    name: "raise",
    input: NOTHING,
    async run(_input, { room }) {
      const value = Number(await room.data.get("d")) + 1;
      room.data.set("d", value);
      return value;
    },
  });
  const functions = [raise];
  await using first = await start(LOOSE, { functions });
  const shared = first.server.backend.peers !== undefined;
  await using other = shared ? await start(LOOSE, { functions }) : undefined;
  const servers = [first, other ?? first];
  const clients = await Promise.all(servers.map((server) => server.connect("room=r")));
  const work = range(1, 20).map(async (i) => {
    if (i % 5 > 0) return await clients[i % 2]!.ask(call("raise"));
    return (await post(servers[i % 2]!, "/functions/raise?room=r"))[1].data;
  });
  const answers = (await Promise.all(work)).toSorted((a, b) => a - b);
  assertEquals(answers, range(1, 20));
  await Promise.all(clients.map((client) => client.close()));
});

Deno.test("what a function reads twice at once is as it was read first", async () => {
  const raise = defineFunction({
    name: "raise",
    input: NOTHING,
    async run(_input, { room }) {
      const [value] = await Promise.all([room.data.get("d"), room.data.get("d")]);
      room.data.set("d", Number(value) + 1);
    },
  });
  await using server = await startServer({}, { functions: [raise, look] });
  await using ann = await server.connect("room=r");
  await promote(ann);
  const { state } = server.server.backend;
  const read = state.data.bind(state);
  let reads = 0;
  // After it has been read for the first time, somebody else sets the value.
  state.data = async (room, key) => {
    const found = await read(room, key);
    if (++reads === 1) await ann.ask({ type: "data", data: { key: "d", value: 10 } });
    return found;
  };
  await ann.ask(call("raise"));
  assertEquals((await ann.ask(call("look"))).data, 11);
});

onEveryStore("a connection has so many calls under way, and statistics", async (start) => {
  const goOn = Promise.withResolvers<void>();
  const waiting = defineFunction({ name: "waiting", input: NOTHING, run: () => goOn.promise });
  await using server = await start({ MAX_CALLS: "2" }, { functions: [waiting] });
  await using ann = await server.connect();
  const two = [ann.ask(call("waiting")), ann.ask({ type: "walker", walker: "waiting" })];
  assertEquals((await ann.refusal(call("waiting"))).code, "limit_exceeded");
  // Of another connection, and of other messages, it is no business.
  await using ben = await server.connect();
  const stats = await ben.ask(call("GET_STATS"));
  assertEquals([stats.users, stats.connections, stats.rooms], [2, 2, 1]);
  await ann.ask({ type: "chat", data: "meanwhile" });
  goOn.resolve();
  assertEquals(await Promise.all(two), [null, null]);
  assertEquals(await ann.ask(call("waiting")), null);
  const [status, { data }] = await post(server, "/functions/GET_STATS");
  assertEquals([status, data.connections, data.instance], [200, 2, ann.connection.instance]);
});

onEveryStore("what no function is named for, the handler takes", async (start) => {
  const seen: Received[] = [];
  const handler: ServerOptions["handler"] = async (options) => {
    const { action, wsServer, client, ws, user, users, sendToClient, broadcast } = options;
    await Promise.resolve();
    switch (action.type) {
      case "WHO":
        seen.push([wsServer, ws === client, users.has(user.id)], user.clients.has(client));
        return { user: user.id, clients: user.clients.size, status: user.status.status };
      case "TELL":
        broadcast({ type: "TOLD", text: action.text! });
        sendToClient(client, { type: "SENT" });
        return true;
      case "FAIL":
        throw new Error("a secret");
    }
  };
  const reported: unknown[] = [];
  setErrorReporter((error) => reported.push(error));
  try {
    await using server = await start({}, { functions: [add], handler, wsServer: "it" });
    await using ann = await server.connect("session=ann");
    await using tab = await server.connect("session=ann&room=other");
    await using ben = await server.connect();
    const user = ann.connection.user_id;
    assertEquals(await ann.ask(call("WHO")), { user, clients: 2, status: "ONLINE" });
    assertEquals(seen[0], ["it", true, true]);
    assertEquals(await ann.ask(call("TELL", { text: "hi" })), true);
    assertEquals(await tab.next("TOLD"), { type: "TOLD", text: "hi" });
    await ann.next("SENT");
    assertEquals(await ann.ask(call("SOMETHING_ELSE")), null);
    assertEquals((await ann.refusal(call("FAIL"))).code, "internal");
    assertEquals((await ann.ask(call("add", { a: 1, b: 2 }))).sum, 3, "a function goes first");
    await ben.settled();
    for (const client of [ann, ben]) assertEquals(client.all("TOLD"), []);
    assertEquals(reported.length, 1);
    assertEquals(seen[1], true, "the client is one of its user's");
  } finally {
    setErrorReporter((error) => console.error(error));
  }
});

onEveryStore("a call begins when what was sent before it has taken effect", async (start) => {
  const say = defineFunction({
    name: "say",
    input: z.object({ text: z.string() }),
    run: ({ text }, { room }) => room.log.broadcast("chat", { message: text }, { to: "chat" }),
  });
  await using server = await start(LOOSE, { functions: [say] });
  await using ann = await server.connect("subscribe=chat");
  for (const i of range(1, 10)) {
    ann.send({ type: "chat", data: `${i} a` });
    ann.send({ type: "call", data: { type: "say", text: `${i} b` } });
    ann.send({ type: "chat", data: `${i} c` });
  }
  await ann.find(() => ann.all("chat").length === 30);
  const texts = ann.all("chat").map(({ data }) => data.message);
  for (const i of range(1, 10)) {
    assert(texts.indexOf(`${i} a`) < texts.indexOf(`${i} b`), String(texts));
  }
  // What was sent after it has not waited for it, nor been overtaken by what came later still.
  const chats = texts.filter((text: string) => !text.endsWith("b"));
  assertEquals(chats, range(1, 10).flatMap((i) => [`${i} a`, `${i} c`]));
});

for (const servers of [1, 2]) {
  onEveryStore(`a game has a referee, on ${servers} servers`, async (start) => {
    await using first = await start(LOOSE);
    await using other = servers === 2 ? await start(LOOSE) : undefined;
    const second = other ?? first;
    await using ann = await first.connect("room=g");
    await using ben = await second.connect("room=g");
    await using cay = await second.connect("room=g");
    await using watcher = await first.connect("room=g");
    for (const game of ["slow", "fast"]) watcher.send({ event: `data:get:tic-tac-toe:${game}` });
    const play = (who: TestClient, cell: number, game = "slow"): Promise<Received> => {
      return who.ask(call("tic-tac-toe", { game, cell }));
    };
    const refused = async (who: TestClient, cell: number): Promise<string> => {
      const data = { type: "tic-tac-toe", game: "slow", cell };
      return (await who.refusal({ type: "call", data })).code;
    };

    await play(ann, 0);
    assertEquals(await refused(ann, 1), "not_allowed", "nobody plays both sides");
    assertEquals(await refused(ben, 0), "not_allowed", "a cell is taken once");
    assertEquals(await refused(ben, 9), "invalid_message");
    await play(ben, 4);
    assertEquals(await refused(ben, 5), "not_allowed", "one after the other");
    assertEquals(await refused(cay, 5), "not_allowed", "two play");
    await play(ann, 1);
    await play(ben, 5);
    const end = await play(ann, 2);
    assertEquals([end.winner, end.turn], ["X", null]);
    await watcher.find(({ event, data }) => event?.endsWith(":slow") && data?.winner === "X");
    assertEquals(seenGames(watcher, "slow").at(-1), end);

    // Both at once, wherever they can, until one of them has won or nobody.
    const moves: Received[] = [];
    const rush = async (who: TestClient): Promise<void> => {
      while (moves.every(({ winner }) => winner === null)) {
        const tried = await Promise.allSettled(range(0, 8).map((cell) => play(who, cell, "fast")));
        for (const one of tried) {
          if (one.status === "fulfilled") moves.push(one.value);
          else assert(one.reason instanceof Refused, String(one.reason));
        }
      }
    };
    await Promise.all([rush(ann), rush(ben)]);
    for (const game of moves) assertEquals(faultOf(game), undefined, JSON.stringify(game));
    const { text } = await first.server.backend.state.data("g", "tic-tac-toe:fast");
    await watcher.find(() => JSON.stringify(seenGames(watcher, "fast").at(-1)) === text);
    // Each move that was acknowledged is followed by another in its game, or by none as it is over.
    const final = JSON.parse(text!);
    const last = moves.filter(({ winner }) => winner !== null);
    if (final.winner === null) last.push(final);
    const made = (games: Received[], n: number): number => {
      return games.filter(({ cells }) => cells.filter(Boolean).length === n).length;
    };
    for (const n of range(1, 9)) assertEquals(made(moves, n) - made(moves, n + 1), made(last, n));
    for (const game of seenGames(watcher, "fast")) assertEquals(faultOf(game), undefined);
  }, { durable: servers === 2 });
}

onEveryStore("reactions fly, are counted, and are limited", async (start) => {
  let now = Date.now();
  const functions = [createReactions({ rate: 1, burst: 3 })];
  await using server = await start(LOOSE, { functions, now: () => now });
  await using ann = await server.connect("session=ann");
  await using ben = await server.connect("subscribe=signal:reaction,counter:reaction:🎉");
  const react = (emoji: string) => (call("reactions", { emoji }));
  for (const i of range(1, 3)) {
    assertEquals(await ann.ask(react("🎉")), { emoji: "🎉" });
    const { data } = await ben.next("signal");
    assertEquals([data.event, data.data, data.user.suffix], ["reaction", { emoji: "🎉" }, 1]);
    await ben.find(({ type, data }) => type === "counter" && data.value === String(i));
  }
  assertEquals((await ann.refusal(react("🎉"))).code, "rate_limited");
  assertEquals((await ben.ask(react("👩🏽‍🚀"))).emoji, "👩🏽‍🚀", "each has a limit of its own");
  for (const emoji of ["", "x", "🎉🎉", "🎉 "]) {
    assertEquals((await ann.refusal(react(emoji))).path, "data.emoji");
  }
  now += 3000;
  assertEquals(await ann.ask(react("🎉")), { emoji: "🎉" });
  await ben.find(({ type, data }) => type === "counter" && data.value === "4");
});

Deno.test("who has reacted far too often may again a minute later", async () => {
  let now = Date.now();
  await using server = await startServer(LOOSE, { now: () => now });
  await using ann = await server.connect();
  const react = () => ann.ask(call("reactions", { emoji: "🎉" })).catch(({ data }) => data.code);
  for (const _ of range(1, 1000)) {
    now += 10;
    await react();
  }
  now += 60_000;
  assertEquals(await react(), { emoji: "🎉" });
});

onEveryStore("what a call sends to many fits into its commit, or is refused", async (start) => {
  // Of these, text within text takes twice as many characters, of two bytes each.
  const text = "\u20ac" + '"'.repeat(5_000);
  const tell = defineFunction({
    name: "tell",
    input: NOTHING,
    run(_input, { notify }) {
      for (const _ of range(1, 12)) notify.rooms(["r"], { type: "to rooms", text });
    },
  });
  const open = () => start(LOOSE, { functions: [tell] });
  await using first = await open();
  await using second = await open();
  await using third = await open();
  const servers = [first, second, third];
  const clients = await Promise.all(servers.map((server) => server.connect("room=r")));
  await known(first, 3);
  const ann = clients[0]!;
  const told = await ann.ask(call("tell")).catch(({ data }) => data.code);
  assert(told === null || told === "limit_exceeded", told);
  assertEquals(await ann.ask({ type: "chat", data: "goes on" }), { offset: "1" });
  if (told === null) {
    for (const client of clients) await client.find(() => client.all("to rooms").length === 12);
  }
  await Promise.all(clients.map((client) => client.close()));
}, { durable: true });

Deno.test({
  name: "while the store is away calls fail, and say what is known of them",
  ignore: denokvProgram === undefined,
  // The runtime keeps an HTTP/2 connection to a KV server open after the store is closed.
  sanitizeOps: false,
  sanitizeResources: false,
  fn: async () => {
    let onSay = (): void => {};
    const say = defineFunction({
      name: "say",
      input: z.object({ text: z.string() }),
      run({ text }, { room }) {
        room.log.broadcast("notice", text);
        onSay();
      },
    });
    await using denokv = await Denokv.start();
    const settings = { ...LOOSE, KV_URL: denokv.url, KV_TIMEOUT_MS: "300" };
    await using server = await startServer(settings, { functions: [say, look] });
    await using ann = await server.connect("room=r");
    const back = async (): Promise<void> => {
      onSay = () => {};
      denokv.resume();
      while ((await post(server, "/functions/look?room=r"))[0] !== 200) await pause(20);
    };
    // After this the room is known here, and the next call needs nothing but its commit.
    await ann.ask(call("say", { text: "before" }));
    onSay = () => denokv.pause();
    const plain = await ann.refusal(call("say", { text: "plain" }));
    assertEquals([plain.code, /unknown/.test(plain.message)], ["unavailable", true]);
    for (const name of ["say", "look"]) {
      assertEquals((await ann.refusal(call(name, { text: "away" }))).code, "unavailable");
      const [status, { error }] = await post(server, `/functions/${name}?room=r`, { text: "away" });
      assertEquals([status, error.code], [503, "unavailable"]);
    }
    await back();
    onSay = () => denokv.pause();
    const keyed = { ...call("say", { text: "keyed" }), key: "k" };
    const { code, message } = await ann.refusal(keyed);
    await back();
    assertEquals(await ann.ask(keyed), null);
    const { log } = await ann.ask(call("look"));
    const said = log.map(({ data }: Received) => data).filter((text: string) => text !== "plain");
    assertEquals(said, ["before", "keyed"]);
    assertEquals([code, /unknown/.test(message)], ["unavailable", true], message);
  },
});

Deno.test("killed amid calls, all of each has happened, once, or nothing", async () => {
  const random = seededRandom("killed amid calls");
  const directory = await Deno.makeTempDir();
  await using server = await ServerProcess.start({
    ...LOOSE,
    KV_PATH: `${directory}/kv.sqlite3`,
    LOG_LEVEL: "error",
  });
  /** A game without a winner before its end, move by move; and then the next. */
  const MOVES = [0, 1, 2, 4, 3, 5, 7, 6, 8];
  const games = range(1, 4).map((game) => ({ game: String(game), made: 0 }));
  const sessions = ["x", "o"];
  for (const life of range(1, 4)) {
    if (life > 1) await server.run();
    let stopping = false;
    const playing = games.map(async (it) => {
      const players = await Promise.all(sessions.map((name) => {
        return server.connect(`room=g&session=${name}${it.game}`);
      }));
      try {
        while (!stopping || life === 4 && it.made % 9 > 0) {
          const n = it.made % 9;
          const data = { type: "tic-tac-toe", game: it.game, cell: MOVES[n] };
          // One that was not answered by a life is sent again to the next, with its key.
          const move = { type: "call", data, key: `move ${it.made}` };
          const { cells } = await players[n % 2]!.ask(move);
          assertEquals(cells.filter((cell: unknown) => cell !== null).length, n + 1);
          it.made++;
        }
      } catch (error) {
        assert(stopping && !(error instanceof Refused), String(error));
      }
      return players;
    });
    await pause(100 + random.below(200));
    stopping = true;
    if (life < 4) await server.end("SIGKILL");
    const players = (await Promise.all(playing)).flat();
    if (life === 4) await Promise.all(players.map((player) => player.close()));
    else await Promise.all(players.map(({ closed }) => closed));
  }
  await using reader = await server.connect("room=g");
  for (const { game, made } of games) {
    assert(made > 0 && made % 9 === 0);
    const event = `data:set:tic-tac-toe:${game}`;
    reader.send({ event: event.replace("set", "get") });
    const { data } = await reader.find((message) => message.event === event);
    assertEquals([data.cells.includes(null), data.turn], [false, null]);
  }
  console.log(`${games.reduce((sum, { made }) => sum + made, 0)} moves over 4 lives`);
  await reader.close();
  await server.end("SIGTERM");
  await Deno.remove(directory, { recursive: true });
});

Deno.test("a vote after a function has returned harms nobody", async () => {
  const voting = defineFunction({
    name: "voting",
    input: NOTHING,
    run(_input, { room }) {
      room.counter.add("c");
      room.counter.value("c").then(() => room.poll.vote("p", "late")).catch(() => {});
    },
  });
  await using server = await startServer({}, { functions: [voting, look] });
  await using ann = await server.connect();
  await ann.ask(call("voting"));
  assertEquals((await ann.ask(call("look"))).poll, {});
});

type Context = Parameters<AnyFunction["run"]>[1];

/** Does all that could be seen, with the names that `look` looks at. */
function doAll(room: Context["room"], notify: Context["notify"]): void {
  room.data.set("d", 1);
  room.counter.add("c");
  room.poll.vote("p", "yes");
  room.log.broadcast("chat", { message: "hello" }, { to: "chat" });
  room.signal("blink", null);
  notify.self({ type: "to self" });
  notify.rooms([room.name], { type: "to rooms" });
}

/** What a client has received that only functions that have failed could have sent. */
function strange({ messages }: TestClient): Received[] {
  return messages.filter(({ type, event }) => {
    return event || /^(to .*|chat|notice|counter|poll|signal)$/.test(type);
  });
}

/** The message that calls a function. */
function call(type: string, input: { [name: string]: unknown } = {}) {
  return { type: "call", data: { type, ...input } };
}

async function post(
  { url }: TestServer,
  path: string,
  body: unknown = {},
  headers: Record<string, string> = {},
): Promise<[status: number, body: Received]> {
  const text = JSON.stringify(body);
  const response = await fetch(`${url}${path}`, { method: "POST", body: text, headers });
  return [response.status, await response.json()];
}

/** Waits until as many connections can be found by others. */
async function known({ store }: TestServer, connections: number): Promise<void> {
  while (true) {
    const clients = await store.list({ prefix: ["at", "client"] }, { limit: 100 });
    if (clients.length === connections) return;
    await pause(5);
  }
}

/** The positions of a game that a client has seen, in order. */
function seenGames({ messages }: TestClient, game: string): Received[] {
  return messages.filter(({ event, data }) => event === `data:set:tic-tac-toe:${game}` && data)
    .map(({ data }) => data);
}

/** What is wrong with a position, by the rules of the game. */
function faultOf({ cells, turn, winner, players }: Received): string | undefined {
  const count = (mark: string): number => cells.filter((cell: unknown) => cell === mark).length;
  const lead = count("X") - count("O");
  if (lead !== 0 && lead !== 1) return "one has moved too often";
  const lines = ["012", "345", "678", "036", "147", "258", "048", "246"];
  const winners = ["X", "O"].filter((mark) => {
    return lines.some((line) => [...line].every((at) => cells[Number(at)] === mark));
  });
  if (winners.length > 1) return "both have won";
  const full = count("X") + count("O") === 9;
  if (winner !== (winners[0] ?? (full ? "draw" : null))) return "the wrong one has won";
  if (turn !== (winner ? null : lead === 1 ? "O" : "X")) return "it is the wrong one's turn";
  if (players.X !== null && players.X === players.O) return "one plays both";
}
