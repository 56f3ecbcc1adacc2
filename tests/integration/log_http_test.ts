import { assert, assertEquals } from "@std/assert";
import { SignJWT } from "jose";
import { authentication, promote } from "../harness/admin.ts";
import type { Received, TestClient } from "../harness/client.ts";
import { startServer, type TestServer } from "../harness/server.ts";
import { onEveryStore } from "../harness/stores.ts";
import { until } from "../harness/until.ts";
import { pause, range } from "../harness/util.ts";

const ROOMY = { RATE_LIMIT: "100000", RATE_BURST: "100000" };
const SECRET = "a secret of the tests, of thirty-two bytes or more";
const WAIT_MS = 10_000;
const ODD_NAMES = [
  ...["a/b", "/", "..//../x", "50%", "a%2Fb", "%", "%25", "%e2%82", "a?b=c", "a#b", "a b+c"],
  ...["🦊 日本", "\u0000", "__proto__", "x".repeat(256), "é".repeat(128), "/".repeat(256)],
];

onEveryStore("history tells a log page by page, as a subscriber has seen it", async (start) => {
  await using server = await start(ROOMY);
  await using ann = await server.connect("room=r&subscribe=chat,broadcast,config");
  await promote(ann);
  // Some 40 KB: more than one value of the store holds.
  const chats = [1, "two\r\n\u2028", { three: [null, "é".repeat(20_000)] }, false];
  for (const data of chats) await ann.ask({ type: "chat", data });
  await ann.ask({ type: "config", data: "dark" });
  await ann.ask({ type: "broadcast", data: { type: "whatsup", data: 1 } });
  await Promise.all(range(1, 120).map((data) => ann.ask({ type: "chat", data })));
  const seen = ann.messages.filter(({ offset }) => offset);
  const { epoch } = ann.connection;
  const all = { room: "r", epoch, offset: "126", complete: true };
  assertEquals(await history(server, "r"), { ...all, events: seen.slice(-100) });
  assertEquals(await history(server, "r", "since=&limit=&epoch="), await history(server, "r"));
  assertEquals(await history(server, "r", "limit=3"), { ...all, events: seen.slice(-3) });
  const paged: Received[] = [];
  for (let since = "0"; since !== "126"; since = paged.at(-1).offset) {
    const page = await history(server, "r", `since=${since}&epoch=${epoch}&limit=50`);
    assertEquals([page.complete, page.events.length <= 50], [true, true]);
    paged.push(...page.events);
  }
  assertEquals(paged, seen);
  assertEquals(await history(server, "r", "since=126"), { ...all, events: [] });
  // Of another life of the log, all that this one holds is news.
  const wiped = await history(server, "r", "since=120&epoch=other&limit=1000");
  assertEquals(wiped, { ...all, complete: false, events: seen });
});

onEveryStore("history and sockets agree on what the log no longer holds", async (start) => {
  let now = Date.now();
  const settings = { ...ROOMY, HISTORY_LIMIT: "10", HISTORY_SECONDS: "60" };
  await using server = await start(settings, { now: () => now });
  await using ann = await server.connect("room=r");
  const agree = async (): Promise<void> => {
    for (const since of [0, 5, 39, 40, 49, 50, 99]) {
      const { complete, replayed } = await ann.ask({ type: "subscribe", data: "chat", since });
      const told = await history(server, "r", `since=${since}&limit=1000`);
      assertEquals([told.complete, told.events.length], [complete, replayed], `since ${since}`);
    }
    for (const limit of [1, 5, 10, 11, 50, 100]) {
      const asked = { type: "subscribe", data: "chat", history: limit };
      const { complete, replayed } = await ann.ask(asked);
      const told = await history(server, "r", `limit=${limit}`);
      assertEquals([told.complete, told.events.length], [complete, replayed], `limit ${limit}`);
    }
  };
  for (const data of range(1, 45)) await ann.ask({ type: "chat", data });
  now += 50_000;
  for (const data of range(46, 50)) await ann.ask({ type: "chat", data });
  await agree();
  now += 20_000;
  await agree();
  now += 50_000;
  await agree();
});

onEveryStore("names of rooms are names on all three routes", async (start) => {
  await using server = await start(ROOMY);
  for (const room of ODD_NAMES) {
    await using stream = await EventStream.open(server, room, "subscribe=broadcast");
    assertEquals((await stream.next("connection")).room, room);
    assertEquals(await broadcast(server, room, { said: room }), [200, { offset: "1" }], room);
    assertEquals(await stream.next("broadcast"), { said: room });
    const { room: told, events } = await history(server, room);
    assertEquals([told, events.length, events[0].data], [room, 1, { said: room }]);
    // It is the room of the same name on a socket.
    await using ann = await server.connect(new URLSearchParams({ room }).toString());
    assertEquals([ann.connection.room, ann.connection.offset], [room, "1"]);
  }
});

onEveryStore("bad requests are answered with an error, and make no room", async (start) => {
  await using server = await start({ ...ROOMY, MAX_SUBSCRIPTIONS: "2", JWT_SECRET: SECRET });
  const invalid = [400, "invalid_message"];
  const unknown = [401, "authentication_failed"];
  const forged = await tokenOf("ann", "another secret, and of thirty-two bytes as well");
  for (const path of ["history", "events"]) {
    for (const room of ["x".repeat(257), "é".repeat(129)]) {
      assertEquals(await get(server, room, path), invalid);
    }
    for (const since of ["-1", "1.5", "abc", "1e3", `${2n ** 64n}`]) {
      assertEquals(await get(server, "r", `${path}?subscribe=chat&since=${since}`), invalid, since);
    }
    assertEquals(await get(server, "r", `${path}?session=a%20b`), invalid);
    for (const token of ["nonsense", "a.b.c", forged]) {
      assertEquals(await get(server, "r", `${path}?token=${token}`), unknown);
    }
  }
  for (const limit of ["0", "1001", "-1", "ten", "1.5"]) {
    assertEquals(await get(server, "r", `history?limit=${limit}`), invalid, limit);
  }
  for (const query of [`subscribe=${"x".repeat(257)}`, "subscribe=chat&history=x"]) {
    assertEquals(await get(server, "r", `events?${query}`), invalid);
  }
  assertEquals(await get(server, "r", "events?subscribe=a,b,c"), [429, "limit_exceeded"]);
  assertEquals(await get(server, "r", "events?userId=ann"), unknown);
  const nothing = { room: "r", epoch: null, offset: "0", complete: true, events: [] };
  assertEquals(await history(server, "r"), nothing);
  await assertUntouched(server);
  await using good = await EventStream.open(server, "r", `token=${await tokenOf("ann")}`);
  assertEquals((await good.next("connection")).user_id, "ann");
});

onEveryStore("a stream tells what a socket would be told, each as one event", async (start) => {
  await using server = await start();
  await using ann = await server.connect("room=r");
  await ann.ask({ type: "login", data: { name: "Ann" } });
  await ann.ask({ type: "chat", data: "before" });
  const query = "subscribe=chat,counter:x,presence,signal:typing&history=1&session=ben";
  await using stream = await EventStream.open(server, "r", query);
  await stream.next("chat");
  const greeting = stream.events.slice(0, 3).map(({ data }) => data);
  assertEquals(greeting.map(({ type }) => type), ["connection", "config", "profile"]);
  assertEquals([greeting[0].data.room, greeting[2].data.id], ["r", "ben"]);
  assert(stream.retryMs! > 0 && stream.retryMs! < 60_000);
  const text = "two\r\nlines\n\ndata: x\u2028\u0000 é";
  await ann.ask({ type: "chat", data: text });
  await ann.ask({ type: "counter", data: { id: "x", value: 2 } });
  ann.send({ type: "signal", data: { event: "typing", data: true } });
  await stream.find(({ data: { type, data } }) => type === "counter" && data.value === "2");
  await stream.find(({ data: { type } }) => type === "signal");
  const { epoch } = ann.connection;
  const chats = stream.events.filter(({ data }) => data.type === "chat");
  assertEquals(chats.map(({ data }) => data.data.message), ["before", text]);
  assertEquals(chats.map(({ id }) => id), [`${epoch}:1`, `${epoch}:2`]);
  assertEquals((await stream.next("presence")).count, 2);
});

for (const servers of [1, 2]) {
  const name = `a stream cut in a flood of chat goes on without a gap, on ${servers} servers`;
  onEveryStore(name, async (start) => {
    const open = () => start({ ...ROOMY, LEASE_SECONDS: "2" });
    await using first = await open();
    await using other = servers === 2 ? await open() : undefined;
    const places = other ? [first, other] : [first];
    const talkers: TestClient[] = [];
    for (const place of places) talkers.push(await place.connect("room=r"));
    let ended = false;
    const talk = async (talker: TestClient): Promise<void> => {
      for (let i = 0; i < 300 && !ended; i++) {
        await Promise.all(range(1, 5).map(() => talker.ask({ type: "chat", data: i })));
      }
    };
    const talking = Promise.all(talkers.map(talk)).then(() => ended = true);
    const seen: (string | undefined)[] = [];
    let lastId: string | undefined;
    for (let round = 0; round < 12; round++) {
      const place = places[round % places.length]!;
      await using stream = await EventStream.open(place, "r", "subscribe=chat&since=0", lastId);
      const had = seen.length;
      // Cut wherever a piece of it ends, which may be inside an event.
      await stream.until(() => ended || stream.ids.length > 20);
      await stream.close();
      seen.push(...stream.ids);
      lastId = stream.lastId ?? lastId;
      if (ended && seen.length === had) break;
    }
    ended = true;
    await talking;
    const { offset } = await history(first, "r");
    await using rest = await EventStream.open(places.at(-1)!, "r", "subscribe=chat", lastId);
    await rest.until(() => `${rest.ids.at(-1) ?? lastId}`.endsWith(`:${offset}`));
    seen.push(...rest.ids);
    const { epoch } = talkers[0]!.connection;
    assertEquals(seen, range(1, Number(offset)).map((i) => `${epoch}:${i}`));
    for (const talker of talkers) await talker.close();
  }, { durable: servers === 2 });
}

onEveryStore("a stream ends when its server drains, and goes on at another", async (start) => {
  const first = await start();
  await using second = await start();
  const reader = await EventStream.open(first, "r", "subscribe=chat");
  await using ann = await second.connect("room=r&subscribe=chat");
  await ann.ask({ type: "chat", data: 1 });
  await reader.next("chat");
  const drained = first[Symbol.asyncDispose]();
  await reader.ended;
  assertEquals(reader.events.at(-1)!.data.type, "draining");
  await ann.ask({ type: "chat", data: 2 });
  await drained;
  await ann.ask({ type: "chat", data: 3 });
  await using stream = await EventStream.open(second, "r", "subscribe=chat", reader.lastId);
  await ann.ask({ type: "chat", data: "last" });
  await stream.until(() => stream.chats.at(-1) === "last");
  assertEquals(stream.chats, [2, 3, "last"]);
}, { durable: true });

onEveryStore("a stream that is lost before anything was said misses nothing", async (start) => {
  await using server = await start();
  await using ann = await server.connect("room=r");
  await ann.ask({ type: "chat", data: "long ago" });
  await using lost = await EventStream.open(server, "r", "subscribe=chat");
  await lost.next("profile");
  await lost.close();
  await ann.ask({ type: "chat", data: "missed" });
  await using stream = await EventStream.open(server, "r", "subscribe=chat", lost.lastId);
  await stream.next("profile");
  await ann.ask({ type: "chat", data: "last" });
  await stream.until(() => stream.chats.at(-1) === "last");
  assertEquals(stream.chats, ["missed", "last"]);
});

Deno.test("a server that drains takes no more streams", async () => {
  await using server = await startServer();
  await server.server.drain();
  assertEquals(await get(server, "r", "events?subscribe=chat"), [503, "unavailable"]);
});

onEveryStore(
  "a stream of another life of the log is told all that this one holds",
  async (start) => {
    await using server = await start();
    await using ann = await server.connect("room=r");
    for (const data of range(1, 3)) await ann.ask({ type: "chat", data });
    for (const lastId of ["another:2", "another:999", ":2"]) {
      await using stream = await EventStream.open(server, "r", "subscribe=chat", lastId);
      await stream.until(() => stream.chats.length === 3);
      assertEquals(stream.chats, [1, 2, 3]);
    }
    // A header wins over the query that the stream had begun with.
    const lastId = `${ann.connection.epoch}:2`;
    await using stream = await EventStream.open(server, "r", "subscribe=chat&since=0", lastId);
    await stream.next("chat");
    assertEquals(stream.chats, [3]);
  },
);

onEveryStore("a stream that is not read is dropped at nobody's cost", async (start) => {
  await using server = await start(ROOMY);
  using stuck = await Deno.connect({ hostname: "127.0.0.1", port: server.port });
  const head = "GET /rooms/r/events?subscribe=chat&session=stuck HTTP/1.1\r\nHost: x\r\n\r\n";
  await stuck.write(new TextEncoder().encode(head));
  await using ann = await server.connect("room=r");
  await using ben = await EventStream.open(server, "r", "subscribe=chat&since=0");
  assert(await until(() => server.server.connections.size === 3, WAIT_MS));
  let sent = 0;
  while (server.server.connections.size === 3 && sent < 1000) {
    await sayMuch(ann, 10);
    sent += 10;
    await ben.until(() => ben.ids.length === sent);
  }
  assertEquals(server.server.connections.size, 2);
  assertEquals(ben.ids, range(1, sent).map((i) => `${ann.connection.epoch}:${i}`));
});

onEveryStore("whoever goes away leaves the room, and gives its place back", async (start) => {
  await using server = await start({ ...ROOMY, MAX_CONNECTIONS_PER_ADDRESS: "3" });
  const url = `${server.url}/rooms/r/events`;
  await using watcher = await server.connect("room=r&subscribe=presence");
  const enter = async (): Promise<EventStream> => {
    while (true) {
      const { ok, body } = await fetch(url);
      if (ok) return new EventStream(body!);
      await body?.cancel();
      await pause(5);
    }
  };
  const fill = async (): Promise<void> => {
    const streams = [await enter(), await enter()];
    await watcher.find(({ data }) => data.event === "join" && data.count === 3);
    assertEquals(await get(server, "r", "events"), [429, "limit_exceeded"]);
    watcher.messages.length = 0;
    for (const stream of streams) await stream.close();
    await watcher.find(({ data }) => data.event === "leave" && data.count === 1);
  };
  await fill();
  for (const _ of range(1, 20)) {
    // Gone before it is answered, or about then.
    const going = new AbortController();
    const answer = fetch(url, { signal: going.signal }).then(({ body }) => body?.cancel());
    queueMicrotask(() => going.abort());
    await answer.catch(() => {});
  }
  watcher.messages.length = 0;
  await fill();
});

onEveryStore("a request for the head alone joins nothing", async (start) => {
  await using server = await start({ MAX_CONNECTIONS_PER_ADDRESS: "2" });
  for (const _ of range(1, 3)) {
    const { body } = await fetch(`${server.url}/rooms/r/events`, { method: "HEAD" });
    await body?.cancel();
  }
  assert(
    await until(() => server.server.connections.size === 0, 500),
    "members that are not there",
  );
  await using _stream = await EventStream.open(server, "r");
});

onEveryStore("nobody but the log gives an event its id", async (start) => {
  await using server = await start();
  await using ann = await server.connect("room=r");
  await using stream = await EventStream.open(server, "r", "subscribe=chat");
  const { user_id } = await stream.next("connection");
  // What is said beside `from` may stand before or behind it.
  for (const data of [{ type: "x", offset: "7" }, { type: "y", from: 1, offset: "8" }]) {
    await ann.ask({ type: "user", root_ids: [user_id], data });
    const { id } = await stream.find(({ data: { type } }) => type === data.type);
    assertEquals(id, undefined, data.type);
  }
});

Deno.test("what is said to all while a stream catches up takes it past nothing", async () => {
  await using server = await startServer({ ...ROOMY, MAX_BUFFERED_BYTES: "65536" });
  await using ann = await server.connect("room=r");
  await sayMuch(ann, 150);
  const { body } = await fetch(`${server.url}/rooms/r/events?subscribe=chat&since=0`);
  const replaying = () => [...server.server.connections].some(({ outbox }) => outbox.full);
  assert(await until(replaying, WAIT_MS));
  assertEquals(await broadcast(server, "r", "to all"), [200, { offset: "151" }]);
  await using all = new EventStream(body!);
  await all.next("broadcast");
  // As if it had been cut just there.
  const seen = all.events.slice(0, 1 + all.events.findIndex(({ data }) => data.data === "to all"));
  const lastId = seen.findLast(({ id }) => id)?.id;
  await using rest = await EventStream.open(server, "r", "subscribe=chat&since=0", lastId);
  await ann.ask({ type: "chat", data: "last" });
  await rest.find(({ data: { type, data } }) => type === "chat" && data.message === "last");
  const offsets = [...seen, ...rest.events].map(({ data }) => data)
    .filter(({ type }) => type === "chat").map(({ offset }) => Number(offset));
  assertEquals(offsets, [...range(1, 150), 152]);
});

onEveryStore("a signed broadcast goes to the room, or to a topic's subscribers", async (start) => {
  await using server = await start(ROOMY);
  await using ann = await server.connect("room=r&subscribe=chat");
  await using ben = await server.connect("room=r&subscribe=score");
  const bodies = [
    { type: "whatsup", data: [1] },
    { type: "bare" },
    { no: "type" },
    "text",
    null,
    0,
  ];
  for (const body of bodies) assertTaken(await broadcast(server, "r", body));
  assertTaken(await broadcast(server, "r", { to: "chat", type: "notice", data: 1 }));
  assertTaken(await broadcast(server, "r", { to: "score", type: "goal", data: 2 }));
  await ann.settled();
  await ben.settled();
  const all = [
    { type: "whatsup", data: [1], offset: "1" },
    { type: "bare", offset: "2" },
    { type: "broadcast", data: { no: "type" }, offset: "3" },
    { type: "broadcast", data: "text", offset: "4" },
    { type: "broadcast", data: null, offset: "5" },
    { type: "broadcast", data: 0, offset: "6" },
  ];
  const logged = (client: TestClient) => client.messages.filter(({ offset }) => offset);
  assertEquals(logged(ann), [...all, { type: "notice", data: 1, offset: "7" }]);
  assertEquals(logged(ben), [...all, { type: "goal", data: 2, offset: "8" }]);
});

onEveryStore("a broadcast with a key happens once, at whichever server", async (start) => {
  await using first = await start({ LEASE_SECONDS: "2" });
  await using second = await start({ LEASE_SECONDS: "2" });
  await using ann = await second.connect("room=r");
  const headers = { "idempotency-key": "k".repeat(64) };
  const answers = await Promise.all([first, first, second].map((server) => {
    return broadcast(server, "r", "once", headers);
  }));
  assertEquals(answers, range(1, 3).map(() => [200, { offset: "1" }]));
  assertEquals(await broadcast(first, "r", "other", headers), [200, { offset: "1" }]);
  const forged = { ...headers, "x-signature": "0".repeat(64) };
  assertEquals(await broadcast(first, "r", "once", forged), [401, "authentication_failed"]);
  assertEquals(await broadcast(second, "elsewhere", "once", headers), [200, { offset: "1" }]);
  assertEquals(await broadcast(first, "r", "more"), [200, { offset: "2" }]);
  await ann.find(({ offset }) => offset === "2");
  assertEquals(ann.all("broadcast").map(({ data }) => data), ["once", "more"]);
}, { durable: true });

onEveryStore(
  "a broadcast that is not signed for this room and time changes nothing",
  async (start) => {
    const now = Date.now();
    await using server = await start(ROOMY, { now: () => now });
    const refused = [401, "authentication_failed"];
    const late = [401, "timestamp_out_of_range"];
    const good = signature("r", now);
    const cases: [Record<string, string>, unknown][] = [
      [{}, late],
      [{ "x-timestamp": good["x-timestamp"]! }, refused],
      [{ "x-signature": good["x-signature"]! }, late],
      [signature("r", now - 300_001), late],
      [signature("r", now + 300_001), late],
      [signature("s", now), refused],
      [signature("r", now, "another key"), refused],
      [signature("r", now, ""), refused],
      [{ ...good, "x-timestamp": String(now + 1) }, refused],
      [{ ...good, "x-signature": `${good["x-signature"]}0` }, refused],
      [{ ...good, "x-signature": "g".repeat(64) }, refused],
      [{ ...good, "x-signature": "" }, refused],
    ];
    for (const [headers, answer] of cases) {
      const unsigned = { "x-timestamp": "", "x-signature": "" };
      const told = await broadcast(server, "r", "x", { ...unsigned, ...headers });
      assertEquals(told, answer, JSON.stringify(headers));
    }
    await assertUntouched(server);
    const capitals = { ...good, "x-signature": good["x-signature"]!.toUpperCase() };
    assertTaken(await broadcast(server, "r", "x", capitals));
    assertTaken(await broadcast(server, "r", "x", signature("r", now - 300_000)));
  },
);

onEveryStore("a signature is for no other room, however its parts are cut", async (start) => {
  const now = Date.now();
  await using server = await start(ROOMY, { now: () => now });
  // Room and time are signed as one text: what one lacks may not be taken from the other.
  const rooms = ["demo", "room10", "room+", "room0x", "room.", "room-0"];
  for (const signed of rooms) {
    for (const length of range(1, signed.length - 1)) {
      const room = signed.slice(0, -length);
      for (const at of [now, now - 10 ** 9]) {
        const { "x-signature": key } = signature(signed, at);
        const timestamp = `${signed.slice(-length)}${at}`;
        const headers = { "x-signature": key!, "x-timestamp": timestamp };
        const [status] = await broadcast(server, room, "x", headers);
        assert(status === 400 || status === 401, `${status} for ${timestamp} in ${room}`);
        await using ann = await server.connect(new URLSearchParams({ room }).toString());
        await ann.refusal({ type: "authenticate", data: { ts: timestamp, key } });
      }
    }
  }
});

onEveryStore("bad bodies and keys are refused, and change nothing", async (start) => {
  await using server = await start({ ...ROOMY, MAX_MESSAGE_BYTES: "1000" });
  const deep = "[".repeat(101) + "]".repeat(101);
  const invalid = ['{"type":"x","to":5}', '{"type":"x","to":""}', deep];
  invalid.push(`{"type":"x","to":"${"x".repeat(257)}"}`, '{"type":"x","to":"\\ud800"}');
  for (const body of invalid) {
    assertEquals(await post(server, "r", body), [400, "invalid_message"], body);
  }
  for (const body of ["{", "nonsense", "{}{}", "NaN", "\u0000", " "]) {
    assertEquals(await post(server, "r", body), [400, "invalid_json"], body);
  }
  const bytes = new Uint8Array([0xff, 0xfe, 0x7b, 0x7d]);
  assertEquals(await post(server, "r", bytes), [400, "invalid_json"]);
  const long = JSON.stringify("x".repeat(999));
  assertEquals(await post(server, "r", long), [413, "message_too_large"]);
  const key = { "idempotency-key": "x".repeat(65) };
  assertEquals(await broadcast(server, "r", "x", key), [400, "invalid_message"]);
  for (const room of ["x".repeat(257), "é".repeat(129)]) {
    assertEquals(await broadcast(server, room, "x"), [400, "invalid_message"]);
  }
  await assertUntouched(server);
  assertTaken(await post(server, "r", JSON.stringify("x".repeat(998))));
});

Deno.test("without a signing key nobody broadcasts, and keys are guessed slowly", async () => {
  await using disabled = await startServer({ ...ROOMY, ADMIN_SIGNING_KEY: " " });
  for (const key of ["", " ", "undefined", "null"]) {
    const told = await broadcast(disabled, "r", "x", signature("r", Date.now(), key));
    assertEquals(told, [403, "admin_disabled"]);
  }
  await assertUntouched(disabled);
  await using server = await startServer({ RATE_LIMIT: "1", RATE_BURST: "5" });
  const wrong = signature("r", Date.now(), "a guess");
  const told = [];
  for (const _ of range(1, 8)) told.push((await broadcast(server, "r", "x", wrong))[1]);
  assertEquals(told.slice(0, 5), range(1, 5).map(() => "authentication_failed"));
  assertEquals(told.at(-1), "rate_limited");
});

interface StreamEvent {
  readonly id?: string;
  readonly data: Received;
}

/** A reader of server-sent events, which reads all that comes. */
class EventStream implements AsyncDisposable {
  readonly events: StreamEvent[] = [];
  retryMs: number | undefined;
  /** Where a stream after this one is to begin. */
  lastId: string | undefined;
  /** Resolves when the server has ended the stream, or it is closed. */
  readonly ended: Promise<void>;

  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;

  constructor(body: ReadableStream<Uint8Array>) {
    this.#reader = body.getReader();
    this.ended = this.#read();
  }

  /** @param lastId where a stream before this one was lost. */
  static async open(
    { url }: TestServer,
    room: string,
    query = "",
    lastId?: string,
  ): Promise<EventStream> {
    const response = await fetch(`${url}/rooms/${encodeURIComponent(room)}/events?${query}`, {
      headers: lastId === undefined ? {} : { "last-event-id": lastId },
    });
    assertEquals(response.status, 200);
    assertEquals(response.headers.get("content-type"), "text/event-stream; charset=utf-8");
    assertEquals(response.headers.get("cache-control"), "no-store");
    return new EventStream(response.body!);
  }

  /** The ids of what has been said, in order. */
  get ids(): (string | undefined)[] {
    return this.events.filter(({ data }) => data.type === "chat").map(({ id }) => id);
  }

  /** What has been said. */
  get chats(): unknown[] {
    return this.events.filter(({ data }) => data.type === "chat").map(({ data }) =>
      data.data.message
    );
  }

  /** The first event, past or to come, that `matches`. */
  async find(matches: (event: StreamEvent) => boolean): Promise<Received> {
    await this.until(() => this.events.some(matches));
    return this.events.find(matches);
  }

  /** Waits until a condition holds of what has come. */
  async until(condition: () => boolean): Promise<void> {
    const met = await until(condition, WAIT_MS);
    assert(met, `What should come has not; the last: ${JSON.stringify(this.events.at(-1))}`);
  }

  /** The data of the first event of a type, past or to come. */
  async next(type: string): Promise<Received> {
    return (await this.find(({ data }) => data.type === type)).data.data;
  }

  async close(): Promise<void> {
    await this.#reader.cancel();
    await this.ended;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #read(): Promise<void> {
    const decoder = new TextDecoder();
    let text = "";
    while (true) {
      const { value, done } = await this.#reader.read();
      if (done) return;
      const blocks = (text + decoder.decode(value, { stream: true })).split("\n\n");
      // What no empty line ends is no event yet.
      text = blocks.pop()!;
      for (const block of blocks) this.#take(block);
    }
  }

  #take(block: string): void {
    const fields = Object.fromEntries(
      block.split("\n").map((line) => {
        const colon = line.indexOf(": ");
        return [line.slice(0, colon), line.slice(colon + 2)];
      }),
    );
    if (fields.retry !== undefined) this.retryMs = Number(fields.retry);
    // It counts, with or without data.
    if (fields.id !== undefined) this.lastId = fields.id;
    if (fields.data !== undefined) {
      this.events.push({ id: fields.id, data: JSON.parse(fields.data) });
    }
  }
}

async function history({ url }: TestServer, room: string, query = ""): Promise<Received> {
  const response = await fetch(`${url}/rooms/${encodeURIComponent(room)}/history?${query}`);
  assertEquals(response.status, 200);
  return await response.json();
}

/** The status and error of a request that is refused. */
async function get(
  { url }: TestServer,
  room: string,
  path: string,
): Promise<[status: number, code: string]> {
  return await answerOf(await fetch(`${url}/rooms/${encodeURIComponent(room)}/${path}`));
}

/** Broadcasts with a good signature, unless the headers have another. */
function broadcast(
  server: TestServer,
  room: string,
  body: unknown,
  headers: Record<string, string> = {},
): Promise<[status: number, answer: Received]> {
  return post(server, room, JSON.stringify(body), headers);
}

async function post(
  { url, server }: TestServer,
  room: string,
  body: BodyInit,
  headers: Record<string, string> = {},
): Promise<[status: number, answer: Received]> {
  const response = await fetch(`${url}/rooms/${encodeURIComponent(room)}/broadcast`, {
    method: "POST",
    headers: { ...signature(room, server.now()), ...headers },
    body,
  });
  return await answerOf(response);
}

/** An answer's status, and what it tells: an error's code, or all of it. */
async function answerOf(response: Response): Promise<[status: number, answer: Received]> {
  assertEquals(response.headers.get("content-type"), "application/json");
  const answer = await response.json();
  return [response.status, response.ok ? answer : answer.error.code];
}

/** Says far more, often enough, than sockets and kernels between them hold. */
async function sayMuch(client: TestClient, times: number): Promise<void> {
  const text = "x".repeat(60_000);
  for (let said = 0; said < times; said += 10) {
    // At a time less than a reader may leave unsent that does read.
    await Promise.all(range(1, 10).map(() => client.ask({ type: "chat", data: text })));
  }
}

function signature(room: string, at: number, key?: string): Record<string, string> {
  const { data } = authentication(room, at, key);
  return { "x-timestamp": data.ts, "x-signature": data.key };
}

function tokenOf(user: string, secret = SECRET): Promise<string> {
  const key = new TextEncoder().encode(secret);
  return new SignJWT({ sub: user }).setProtectedHeader({ alg: "HS256" }).sign(key);
}

function assertTaken([status, answer]: [number, Received]): void {
  assertEquals([status, typeof answer.offset], [200, "string"]);
}

/** Nothing has been stored, and no room been made. */
async function assertUntouched({ store }: TestServer): Promise<void> {
  assertEquals(await store.list({ prefix: ["room"] }, { limit: 10 }), []);
}
