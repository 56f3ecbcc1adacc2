import { assert, assertEquals, assertRejects } from "@std/assert";
import { SignJWT } from "jose";
import type { Message } from "../../lib/client/api.ts";
import { createServer } from "../../mod.ts";
import { authentication } from "../harness/admin.ts";
import { startServer } from "../harness/server.ts";
import { range } from "../harness/util.ts";
import { Clock } from "./clock.ts";
import { FlakyProxy } from "./flaky_proxy.ts";
import { becomes, eventually, failureOf, heard, losing, open, said, told } from "./open.ts";

const SECRET = "a secret of the tests, of thirty-two bytes or more";

function tokenOf(user: string): Promise<string> {
  const key = new TextEncoder().encode(SECRET);
  return new SignJWT({ sub: user }).setProtectedHeader({ alg: "HS256" }).sign(key);
}

Deno.test("what is sent is answered, or refused so that it can be sent again once", async () => {
  await using server = await startServer();
  using ann = open(server);
  const texts = said(ann);
  assertEquals(ann.room, "r");
  assertEquals(await ann.send("chat", "by type"), { offset: "1" });
  assertEquals(await ann.send({ type: "chat", data: "whole" }), { offset: "2" });
  assertEquals(await ann.chat(["any", { json: null }]), { offset: "3" });
  await eventually(() => texts.length === 3);
  assertEquals(texts, ["by type", "whole", ["any", { json: null }]]);

  const wrong = await failureOf(ann.send("counter", { id: "c", value: "lots" }));
  assert(wrong.error instanceof Error && wrong.error.message.length > 0);
  assertEquals([wrong.error.code, wrong.error.path], ["invalid_message", "data.value"]);
  assertEquals(wrong.action.data, { id: "c", value: "lots" });

  const early = await failureOf(ann.send("config", "dark"));
  assertEquals([early.error.code, early.action.type], ["not_allowed", "config"]);
  await ann.send(authentication("r"));
  const again = await Promise.all([early.retry(), early.retry(), ann.send(early.action)]);
  assertEquals(again, [{ offset: "4" }, { offset: "4" }, { offset: "4" }]);

  const ring: { self?: unknown } = {};
  ring.self = ring;
  for (const nothing of [{ type: "x", data: ring }, { data: 1 }] as Message[]) {
    assertEquals((await failureOf(ann.send(nothing))).error.code, "invalid_message");
  }
  assertEquals((await failureOf(ann.send({ event: "nobody's" }))).error.code, "not_found");
});

Deno.test("what is too large is refused, and keeps nothing else from being sent", async () => {
  await using server = await startServer();
  using ann = open(server);
  const texts = said(ann);
  const sent = ["before", "x".repeat(70_000), "after"].map((text) => ann.chat(text));
  assertEquals((await failureOf(sent[1]!)).error.code, "message_too_large");
  await Promise.all([sent[0], sent[2], ann.chat("at last")]);
  await eventually(() => texts.length === 3);
  assertEquals(texts, ["before", "after", "at last"]);
});

Deno.test("listeners hear a type or all, until they are taken off", async () => {
  await using server = await startServer();
  using ann = open(server, { session: "ann" });
  using sibling = open(server, { session: "ann" });
  await Promise.all([ann.ready, sibling.ready]);
  const calls: unknown[][] = [];
  const first = (data: unknown, message: Message) => calls.push(["first", data, message.type]);
  const second = (data: unknown) => calls.push(["second", data]);
  const any = (data: unknown, { type }: Message) => calls.push(["any", type, data]);
  ann.on("MOVE", first);
  ann.on("MOVE", second);
  ann.on("*", any);
  assertEquals(await sibling.broadcast({ type: "MOVE", data: 1 }), { delivered: 1 });
  await eventually(() => calls.length === 3);
  assertEquals(calls, [["first", 1, "MOVE"], ["second", 1], ["any", "MOVE", 1]]);
  ann.off("MOVE", first);
  ann.off("*", any);
  await sibling.broadcast({ type: "MOVE", steps: [2] });
  await eventually(() => calls.length === 4);
  const { user_id, client_id } = await connectionOf(sibling);
  // What has no data is handed over whole.
  const whole = { type: "MOVE", steps: [2], from: { client_id, user_id } };
  assertEquals(calls[3], ["second", whole]);
  ann.off("MOVE");
  const ends = heard(ann, "END");
  await sibling.broadcast({ type: "MOVE" });
  await sibling.broadcast({ type: "END" });
  await eventually(() => ends.length === 1);
  assertEquals(calls.length, 4);
});

Deno.test("what others send cannot pass for what the server says", async () => {
  await using server = await startServer();
  await using proxy = new FlakyProxy(server.port);
  using ann = open(proxy, { session: "ann" });
  using mallory = open(server, { session: "mallory" });
  await ann.ready;
  const texts = said(ann);
  const scores = told(ann, "data:score");
  await eventually(() => scores.length === 1);
  const { user_id } = await connectionOf(ann);
  const forged = { event: "data:set:score", data: "all mine" };
  const refused = await mallory.send({ type: "user", user_ids: [user_id], data: forged })
    .then(() => undefined, ({ error }) => error.code);
  assertEquals(refused, "not_allowed");
  await mallory.chat(1);
  const gifts = heard(ann, "gift");
  await mallory.sendToUser({ type: "gift", offset: "99" }, user_id);
  await eventually(() => texts.length === 1 && gifts.length === 1);
  proxy.fate = () => "cut";
  await losing(ann, () => proxy.cut());
  await mallory.chat(2);
  proxy.fate = () => "pass";
  await eventually(() => texts.length === 2);
  assertEquals([texts, scores.filter((score) => score !== null)], [[1, 2], []]);
});

Deno.test("subscriptions tell the state, and what happens, until they are ended", async () => {
  await using server = await startServer();
  using ann = open(server);
  using ben = open(server);
  const counters = told(ann, "counter:c");
  const all = told(ann, "counter");
  const presence = told(ann, "presence");
  await eventually(() => counters.length === 1 && presence.length > 0);
  assertEquals(counters[0], { id: "c", value: "0" });
  assertEquals(presence[0]!.event, "state");

  assertEquals(await ben.counter("c", 0.1), { id: "c", delta: "0.1" });
  assertEquals(await ben.counter("c", "0.2"), { id: "c", delta: "0.2" });
  assertEquals(await ben.counter("d"), { id: "d", delta: "1" });
  await eventually(() => counters.at(-1)!.value === "0.3" && all.at(-1)?.id === "d");
  assert(counters.every(({ id }) => id === "c"));

  const late: unknown[] = [];
  const end = ann.subscribe("counter:c", (data) => late.push(data));
  await eventually(() => late.length > 0);
  assertEquals(late.at(-1), { id: "c", value: "0.3" });
  end();
  end();
  const seen = late.length;
  await ben.counter("c");
  await eventually(() => counters.at(-1)!.value === "1.3");
  assertEquals(late.length, seen);
});

Deno.test("the end of a kind's subscription leaves those to single things", async () => {
  await using server = await startServer();
  using ann = open(server);
  await ann.send(authentication("r"));
  const [kind, one]: unknown[][] = [[], []];
  for (const event of ["counter", "news"]) {
    const end = ann.subscribe(event, (data) => kind!.push(data));
    ann.subscribe(`${event}:42`, (data) => one!.push(data));
    end();
  }
  await ann.counter("42");
  await ann.send("broadcast", { to: "news:42", type: "news", data: { id: "42" } });
  await eventually(() => one!.length >= 2 && kind!.length === 0, () => ({ one, kind }));
  assert(JSON.stringify(one).includes('{"id":"42","value":"1"}'));
  assertEquals(one!.at(-1), { id: "42" });
});

Deno.test("a subscription begins now, with the last few, or after an offset", async () => {
  await using server = await startServer();
  using ben = open(server);
  for (const text of ["a", "b", "c"]) await ben.chat(text);
  using ann = open(server);
  using cay = open(server);
  using dan = open(server);
  using eve = open(server);
  const { epoch } = await connectionOf(ben);
  const missing = heard(eve, "incomplete");
  await dan.ready;
  // As a framework that mounts twice does it.
  dan.subscribe("chat", () => assert(false), { history: 2 })();
  const texts = [
    said(ann),
    said(cay, { history: 2 }),
    said(dan, { since: "1", epoch }),
    said(eve, { since: "2", epoch: "another" }),
  ];
  const second = said(cay, { history: 5 });
  await Promise.all([ann.profile(), cay.profile(), dan.profile(), eve.profile()]);
  await ben.chat("d");
  await eventually(() => texts.every((one) => one.at(-1) === "d"), () => texts);
  assertEquals(texts, [["d"], ["b", "c", "d"], ["b", "c", "d"], ["a", "b", "c", "d"]]);
  assertEquals(second.at(-1), "d");
  assertEquals(missing.map(({ data }) => data), [
    { event: "chat", replayed: 3, complete: false },
  ]);
});

Deno.test("what a subscription replays takes no other back in time", async () => {
  await using server = await startServer();
  await using proxy = new FlakyProxy(server.port);
  using ann = open(proxy);
  const texts = said(ann);
  await ann.send(authentication("r"));
  await ann.send("config", "dark");
  for (const text of ["a", "b"]) await ann.chat(text);
  const configs = told(ann, "config", { history: 1 });
  await eventually(() => configs.length > 0 && texts.length === 2);
  proxy.cut();
  await ann.chat("c");
  await eventually(() => texts.at(-1) === "c");
  assertEquals([texts, new Set(configs)], [["a", "b", "c"], new Set(["dark"])]);
});

Deno.test("what reaches everyone waits for what was missed before it", async () => {
  const asked = Promise.withResolvers<void>();
  const allowed = Promise.withResolvers<boolean>();
  await using server = await startServer({}, {
    policy: {
      mayReadHistory: () => {
        asked.resolve();
        return allowed.promise;
      },
    },
  });
  await using proxy = new FlakyProxy(server.port);
  using admin = open(server);
  await admin.send(authentication("r"));
  using ann = open(proxy);
  const news = told(ann, "broadcast");
  const live = heard(ann, "broadcast");
  await ann.profile();
  await admin.send("broadcast", "first");
  await eventually(() => news.length === 1);
  proxy.fate = () => "cut";
  await losing(ann, () => proxy.cut());
  await admin.send("broadcast", "second");
  proxy.fate = () => "pass";
  await asked.promise;
  await admin.send("broadcast", "third");
  await eventually(() => live.some(({ data }) => data === "third"));
  allowed.resolve(true);
  await eventually(() => news.length >= 3);
  await ann.profile();
  assertEquals(news, ["first", "second", "third"]);
});

Deno.test("a subscription that the server refuses says so, and others go on", async () => {
  await using server = await startServer({ MAX_SUBSCRIPTIONS: "1" });
  using ann = open(server);
  const errors = heard(ann, "error");
  const long = told(ann, `counter:${"x".repeat(248)}`);
  await eventually(() => long.length === 1);
  told(ann, "chat");
  await eventually(() => errors.length === 1);
  const { code, event } = errors[0]!.data as { code: string; event: string };
  assertEquals([code, event], ["limit_exceeded", "chat"]);
});

Deno.test("the room's own verbs", async () => {
  await using server = await startServer();
  using ann = open(server);
  using ben = open(server);
  const polls = told(ben, "poll:lunch");
  const hands = told(ben, "ephemeralPoll:hands");
  const score = told(ben, "data:score");
  const signals = told(ben, "signal:typing");
  const own = told(ann, "signal");
  await Promise.all([ann.ready, ben.profile()]);

  await ann.login({ name: "Ann", _secret: 1 });
  const { properties, role, suffix } = await ann.profile();
  assertEquals([properties, role, suffix], [{ name: "Ann", _secret: 1 }, "user", 1]);
  await ann.vote("lunch", "soup");
  await ann.vote("lunch", "cake");
  await ann.vote("hands", "up", { ephemeral: true });
  await eventually(() => polls.at(-1)?.stats.cake === 1 && hands.at(-1)?.stats.up === 1);
  assertEquals(polls.at(-1), { id: "lunch", stats: { cake: 1 } });
  assertEquals(hands.at(-1), { id: "hands", stats: { up: 1 } });

  ann.signal("typing", true);
  ann.signal("waving");
  await eventually(() => signals.length > 0);
  const user = { suffix: 1, properties: { name: "Ann" } };
  assertEquals([signals, own], [[{ event: "typing", data: true, user }], []]);

  await ann.send(authentication("r"));
  await ann.send("data", { key: "score", value: [1, 0] });
  await eventually(() => score.length === 2);
  assertEquals(score, [null, [1, 0]]);

  ann.close();
  await eventually(() => Object.keys(hands.at(-1)!.stats).length === 0);
  assertEquals(polls.at(-1)!.stats, { cake: 1 });
});

Deno.test("actions reach siblings, users and the server", async () => {
  await using server = await startServer();
  using ann = open(server, { session: "ann" });
  using sibling = open(server, { session: "ann", room: "elsewhere" });
  using ben = open(server, { session: "ben" });
  const clients = [ann, sibling, ben];
  await Promise.all(clients.map(({ ready }) => ready));
  const moves = clients.map((client) => heard(client, "MOVE"));
  const [a, b] = [await connectionOf(ann), await connectionOf(ben)];
  assertEquals(await ann.broadcast({ type: "MOVE", data: 1 }), { delivered: 1 });
  assertEquals(await ann.sendToUser({ type: "MOVE", data: 2 }, b.user_id), { delivered: 1 });
  const both = [a.user_id, b.user_id];
  assertEquals(await ben.sendToUser({ type: "MOVE", data: 3 }, both), { delivered: 3 });
  await eventually(() => moves.flat().length === 5);
  assertEquals(moves.map((one) => one.map(({ data }) => data)), [[3], [1, 3], [2, 3]]);

  assertEquals(await ann.sendToServer({ type: "reactions", emoji: "👍" }), { emoji: "👍" });
  const unknown = await failureOf(ann.sendToServer({ type: "nothing" }));
  assertEquals(unknown.error.code, "not_found");
});

Deno.test("the status is told from the first connection to the end", async () => {
  await using server = await startServer();
  await using proxy = new FlakyProxy(server.port);
  const ann = open(proxy);
  const changes: string[] = [];
  const stop = ann.onStatusChange(({ previousStatus, status }) => {
    changes.push(`${previousStatus} → ${status}`);
  });
  assertEquals([ann.getStatus(), ann.isConnected], ["CONNECTING", false]);
  assertEquals((await ann.ready).suffix, 1);
  assertEquals([ann.getStatus(), ann.isConnected], ["ONLINE", true]);
  await losing(ann, () => proxy.cut());
  await becomes(ann, "ONLINE");
  assertEquals((await ann.ready).suffix, 1);
  ann.close();
  ann.close();
  assertEquals([ann.getStatus(), ann.isConnected], ["OFFLINE", false]);
  assertEquals(changes, [
    "CONNECTING → ONLINE",
    "ONLINE → CONNECTING",
    "CONNECTING → ONLINE",
    "ONLINE → OFFLINE",
  ]);
  stop();
  const late = await failureOf(ann.chat("too late"));
  assertEquals([late.error.code, late.action.data], ["closed", "too late"]);
});

Deno.test("what is sent on hearing of the connection is sent once", async () => {
  await using server = await startServer();
  using ann = open(server);
  const acks = heard(ann, "ack");
  const sent = new Promise((resolve) => {
    ann.onStatusChange(({ status }) => status === "ONLINE" && resolve(ann.chat("here")));
  });
  assertEquals(await sent, { offset: "1" });
  await ann.profile();
  assertEquals([acks, server.server.traffic.received], [[], 2]);
});

Deno.test("nobody hears anything after the end, not even of the same frame", async () => {
  await using server = await startServer({}, {
    events: {
      burst: ({ socket }) => range(1, 3).forEach((n) => socket.send({ type: "n", data: n })),
    },
  });
  const ann = open(server);
  await ann.ready;
  const heard: unknown[] = [];
  ann.on("n", (n) => {
    heard.push(n);
    ann.close();
  });
  assertEquals((await failureOf(ann.send({ event: "burst" }))).error.code, "closed");
  assertEquals(heard, [1]);
});

Deno.test("a page that has been hidden for a minute is away", async () => {
  class Page extends EventTarget {
    hidden = false;
    turn(hidden: boolean): void {
      this.hidden = hidden;
      this.dispatchEvent(new Event("visibilitychange"));
    }
    /** Turns it over, and lets a minute pass at once. */
    async turnFor(hidden: boolean): Promise<void> {
      using clock = new Clock(60_000);
      this.turn(hidden);
      await Promise.resolve();
      clock.pass();
    }
  }
  const page = new Page();
  Object.assign(globalThis, { document: page });
  try {
    await using server = await startServer();
    await using proxy = new FlakyProxy(server.port);
    using ben = open(server);
    const presence = told(ben, "presence");
    const statusOf = (client_id: string): string | undefined => {
      const members = presence.flatMap(({ members }) => members);
      return members.findLast((member) => member.client_id === client_id)?.status;
    };
    using ann = open(proxy);
    const { client_id } = await connectionOf(ann);
    await page.turnFor(true);
    await becomes(ann, "AWAY");
    assert(ann.isConnected);
    await eventually(() => statusOf(client_id) === "AWAY");
    await losing(ann, () => proxy.cut());
    await becomes(ann, "AWAY");
    const again = await connectionOf(ann);
    await eventually(() => statusOf(again.client_id) === "AWAY");
    await page.turnFor(false);
    await becomes(ann, "ONLINE");
    page.turn(true);
    await page.turnFor(false);
    assertEquals(ann.getStatus(), "ONLINE");
  } finally {
    Reflect.deleteProperty(globalThis, "document");
  }
});

for (const page of [false, true]) {
  const where = page ? "a page" : "a program";
  Deno.test(`in ${where}, a callback that throws is reported and stops no other`, async () => {
    const reported: unknown[] = [];
    const { error } = console;
    const { reportError } = globalThis;
    const report = (fault: unknown) => reported.push(fault);
    if (page) Object.assign(globalThis, { document: new EventTarget(), reportError: report });
    else console.error = report;
    try {
      await using server = await startServer();
      using ann = open(server);
      const fail = (what: string) => () => {
        throw what;
      };
      ann.onStatusChange(fail("status"));
      ann.subscribe("chat", fail("subscribed"));
      ann.on("chat", fail("on"));
      ann.on("*", (_data, { type }) => {
        if (type === "chat") throw "any";
      });
      const [texts, all] = [said(ann), heard(ann, "chat")];
      await ann.chat(1);
      await eventually(() => texts.length === 1 && all.length === 1);
      assertEquals(reported, ["status", "on", "any", "subscribed"]);
    } finally {
      Object.assign(globalThis, { reportError });
      Reflect.deleteProperty(globalThis, "document");
      console.error = error;
    }
  });
}

Deno.test("who closes before the socket opens makes no connection", async () => {
  let asked = 0;
  const running = createServer({
    port: 0,
    settings: { HOST: "127.0.0.1", KV_PATH: ":memory:" },
    verifyClient: ({ userId }) => ++asked > 0 && userId === "44",
  });
  const { port } = await running.ready;
  const server = { url: `ws://127.0.0.1:${port}/websocket?room=r` };
  try {
    const first = open(server, { userId: 44 });
    using second = open(server, { userId: 44, room: undefined });
    first.close();
    await assertRejects(() => first.ready, Error, "closed");
    assertEquals(second.room, "r");
    await second.ready;
    assertEquals((await connectionOf(second)).user_id, "44");

    const waiting = Promise.withResolvers<string>();
    const called = Promise.withResolvers<void>();
    const third = open(server, {
      token: () => {
        called.resolve();
        return waiting.promise;
      },
    });
    await called.promise;
    third.close();
    waiting.resolve("never used");
    await second.profile();
    assertEquals(asked, 1);
  } finally {
    await running.disconnect();
  }
});

Deno.test("a token may be a function, which is asked before every connection", async () => {
  await using server = await startServer({ JWT_SECRET: SECRET });
  await using proxy = new FlakyProxy(server.port);
  using plain = open(server, { token: await tokenOf("plain") });
  assertEquals((await connectionOf(plain)).user_id, "plain");
  const users = ["ann", "ben"];
  let asked = 0;
  using ann = open(proxy, {
    channelId: "channel",
    token: () => {
      asked++;
      if (asked === 1) throw new Error("Nobody is there yet.");
      if (asked === 2) return Promise.reject(new Error("Nor now."));
      return asked === 3 ? tokenOf(users[0]!) : tokenOf(users[1]!);
    },
  });
  const { user_id, channel_id } = await connectionOf(ann);
  assertEquals([user_id, channel_id, asked], ["ann", "channel", 3]);
  await losing(ann, () => proxy.cut());
  assertEquals([(await connectionOf(ann)).user_id, asked], ["ben", 4]);
});

Deno.test("a session is kept where it is told to be, and come back to", async () => {
  await using server = await startServer();
  const kept = new Map<string, string>();
  const storage = {
    getItem: (name: string) => kept.get(name) ?? null,
    setItem: (name: string, value: string) => void kept.set(name, value),
  };
  const ids: string[] = [];
  for (let visit = 0; visit < 2; visit++) {
    using client = open(server, { storage });
    ids.push((await client.ready).id);
  }
  assertEquals([ids[0], [...kept.values()]], [ids[1]!, [ids[0]!]]);
  const refusing = {
    getItem: () => {
      throw new Error("Not allowed here.");
    },
    setItem: () => {
      throw new Error("Not allowed here.");
    },
  };
  using client = open(server, { storage: refusing });
  assert((await client.ready).id !== ids[0]);
});

/** Who and where a client is now. */
async function connectionOf(client: ReturnType<typeof open>) {
  const connections = told(client, "connection");
  await client.send("connection");
  return connections.at(-1)!;
}
