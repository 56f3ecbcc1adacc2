import { assert, assertEquals } from "@std/assert";
import { RawSocket } from "../../bench/raw_socket.ts";
import { TestClient } from "../harness/client.ts";
import { authentication, promote } from "../harness/admin.ts";
import { startServer } from "../harness/server.ts";
import { pause, range } from "../harness/util.ts";

Deno.test("an oversized message closes its sender with 1009, and nobody else", async () => {
  await using server = await startServer();
  await using ann = await server.connect("subscribe=chat");
  const ben = await server.connect();
  // 65,536 bytes and no more: bytes count, not characters.
  const padding = (bytes: number): string => {
    const [head, tail] = ['{"type":"chat","data":"é', '"}'];
    return head + "x".repeat(bytes - head.length - 1 - tail.length) + tail;
  };
  ben.send(padding(65_536));
  await ann.next("chat");
  ben.send(padding(65_537));
  assertEquals((await ben.closed).code, 1009);
  assertEquals(ben.all("error").map(({ data }) => data.code), ["message_too_large"]);
  await ann.settled();
  assertEquals(ann.all("chat").length, 1);
});

Deno.test("too many messages are refused, and 4429 ends those who go on", async () => {
  await using server = await startServer({ RATE_LIMIT: "10", RATE_BURST: "20" });
  await using ann = await server.connect();
  for (let i = 0; i < 30; i++) ann.send({ type: "counter", id: i });
  await ann.find(({ id }) => id === 29);
  const refused = ann.all("error").map(({ id, data }) => [id, data.code]);
  assertEquals(refused.length, 10);
  assertEquals(refused[0], [20, "rate_limited"]);
  const flooder = await server.connect();
  for (let i = 0; i < 500; i++) flooder.send({ type: "ping" });
  assertEquals((await flooder.closed).code, 4429);
  await using reader = await server.connect("subscribe=counter:default");
  assertEquals((await reader.next("counter")).data.value, "20");
});

Deno.test("a reader that stops reading is dropped, and costs the others nothing", async () => {
  await using server = await startServer({ RATE_LIMIT: "100000", RATE_BURST: "100000" });
  const stuck = await stuckReader(server.port, "subscribe=chat&session=stuck");
  await using ann = await server.connect();
  await using ben = await server.connect("subscribe=chat");
  assertEquals((await users(server.url)).length, 3);
  const text = "x".repeat(60_000);
  // Far more than sockets and kernels between them hold.
  let sent = 0;
  while ((await users(server.url)).length === 3 && sent < 2000) {
    // In all less than a reader may leave unsent that does read.
    await Promise.all(range(1, 10).map(() => ann.ask({ type: "chat", data: text })));
    sent += 10;
  }
  assertEquals((await users(server.url)).length, 2);
  await ben.find(({ offset }) => offset === String(sent));
  assertEquals(ben.all("chat").length, sent);
  stuck.close();
});

Deno.test("a replay larger than the outbox goes out as fast as it is read", async () => {
  await using server = await startServer({
    MAX_BUFFERED_BYTES: "65536",
    RATE_LIMIT: "100000",
    RATE_BURST: "100000",
  });
  await using ann = await server.connect();
  const text = "x".repeat(10_000);
  await Promise.all(range(1, 150).map(() => ann.ask({ type: "chat", data: text })));
  await using ben = await server.connect("subscribe=chat&since=0");
  await ben.find(({ offset }) => offset === "150");
  assertEquals(ben.all("chat").map(({ offset }) => Number(offset)), range(1, 150));
});

Deno.test("subscriptions, ids, depth and properties have their bounds", async () => {
  await using server = await startServer({ MAX_SUBSCRIPTIONS: "3", MAX_RELAYS: "1" });
  await using ann = await server.connect("subscribe=a,b");
  await ann.ask({ type: "subscribe", data: "c" });
  await ann.ask({ type: "subscribe", data: "c" });
  assertEquals((await ann.refusal({ type: "subscribe", data: "d" })).code, "limit_exceeded");
  await ann.ask({ type: "unsubscribe", data: "a" });
  await ann.ask({ type: "subscribe", data: "d", since: "0" });
  const refused = async (message: Record<string, unknown>, path: string): Promise<void> => {
    const { code, path: where } = await ann.refusal(message);
    assertEquals([code, where], ["invalid_message", path]);
  };
  await refused({ type: "counter", data: { id: "é".repeat(129) } }, "data.id");
  await ann.ask({ type: "counter", data: { id: "é".repeat(128) } });
  await refused({ type: "counter", data: { id: "" } }, "data.id");
  await refused({ type: "poll", data: { id: "p", answer: "x".repeat(257) } }, "data.answer");
  await refused({ type: "poll", data: { id: "p", answer: "\ud800" } }, "data.answer");
  await refused({ type: "poll", data: { id: "p" } }, "data.answer");
  await refused({ type: "chat" }, "data");
  await refused({ type: "login", data: [] }, "data");
  await refused({ type: "login", data: { text: "x".repeat(16_400) } }, "data");
  await refused({ type: "subscribe", data: "chat", since: "-1" }, "since");
  await refused({ type: "subscribe", data: "chat", since: 1.5 }, "since");
  await refused({ type: "subscribe", data: { a: 1 } }, "data");
  await refused({ type: "chat", data: 1, key: "x".repeat(65) }, "key");
  await refused({ type: "chat", data: 1, key: 7 }, "key");
  await refused({ type: "chat", data: nested(101) }, "data");
  await ann.ask({ type: "chat", data: nested(100) });
  await promote(ann);
  await ann.ask({ type: "relay", data: "x" });
  assertEquals((await ann.refusal({ type: "relay", data: "y" })).code, "limit_exceeded");
  await refused({ type: "config", data: {} }, "data");
  await refused({ type: "broadcast", data: { to: 5, type: "x" } }, "data.to");
});

Deno.test("a frame that holds no message is told of, or ignored, and closes nothing", async () => {
  await using server = await startServer();
  await using ann = await server.connect();
  const error = async (frame: unknown): Promise<[string, unknown]> => {
    const before = ann.messages.length;
    ann.send(frame);
    await ann.settled();
    const [answer] = ann.messages.slice(before).filter(({ type }) => type !== "profile");
    return [answer.data?.code ?? answer.type, answer.data?.path];
  };
  assertEquals(await error(new TextEncoder().encode('{"type":"profile"}')), [
    "invalid_message",
    "",
  ]);
  assertEquals(await error("{"), ["invalid_json", undefined]);
  assertEquals(await error('"text"'), ["invalid_message", ""]);
  assertEquals(await error({ type: 5 }), ["invalid_message", "type"]);
  assertEquals(await error({ type: "profile", id: {} }), ["invalid_message", "id"]);
  // Neither of these is anything to answer: the ack is that of the request behind it.
  assertEquals(await error({ id: 1, data: 2 }), ["ack", undefined]);
  assertEquals(await error({ event: "some-event-name" }), ["ack", undefined]);
});

Deno.test("an address has only so many connections, and gets them back", async () => {
  await using server = await startServer({ MAX_CONNECTIONS_PER_ADDRESS: "2" });
  await using _ann = await server.connect();
  const ben = await server.connect();
  assertEquals(await upgradeStatus(server.port, "/websocket"), 429);
  await ben.close();
  while (await upgradeStatus(server.port, "/websocket") === 429) await pause(5);
});

Deno.test("a refused upgrade is an HTTP error that says why", async () => {
  await using server = await startServer({ ALLOWED_ORIGINS: "https://good.example" });
  const status = (path: string, headers: Record<string, string> = {}): Promise<number> =>
    upgradeStatus(server.port, path, headers);
  const response = await fetch(`${server.url}/websocket`);
  assertEquals(response.status, 426);
  assertEquals((await response.json()).error.code, "upgrade_required");
  assertEquals(await status("/websocket", { Origin: "https://bad.example" }), 403);
  assertEquals(await status("/websocket", { Origin: "https://good.example" }), 101);
  assertEquals(await status("/websocket?room="), 400);
  assertEquals(await status(`/websocket?room=${"x".repeat(257)}`), 400);
  assertEquals(await status(`/websocket?room=${"x".repeat(256)}`), 101);
  assertEquals(await status("/websocket?session=a%20b"), 400);
  assertEquals(await status("/websocket?subscribe=chat&since=abc"), 400);
  // Header values in any case, and lists without spaces, are as good as others.
  assertEquals(await status("/websocket", { Upgrade: "WebSocket" }), 101);
  assertEquals(await status("/websocket", { "Sec-WebSocket-Protocol": "a,b" }), 101);
  // An upgrade that the runtime refuses gives its place back.
  assertEquals(await status("/websocket?room=broken", { Connection: "close" }), 400);
  assertEquals(server.server.backend.hub.rooms.has("broken"), false);
});

Deno.test("the session comes back by cookie and by query, and is told by header", async () => {
  await using server = await startServer();
  const head = await upgradeHead(server.port, "/websocket", { Cookie: "tallyroom_session=abc" });
  assert(/x-session-id: abc\r\n/i.test(head), head);
  const cookie = /set-cookie: ([^\r]*)/i.exec(head)![1]!;
  assert(/^tallyroom_session=abc; .*HttpOnly; Secure; SameSite=None$/.test(cookie), cookie);
  const query = await upgradeHead(server.port, "/websocket?session=xyz", {
    Cookie: "tallyroom_session=abc",
  });
  assert(/x-session-id: xyz\r\n/i.test(query), query);
  const fresh = await upgradeHead(server.port, "/websocket", {});
  assert(/x-session-id: [0-9a-f-]{36}\r\n/i.test(fresh), fresh);
});

Deno.test("odd names of rooms are names like any other", async () => {
  await using server = await startServer();
  const names = ["..", "a/b?c", "emoji 🦊", "__proto__", "constructor", "\u0000", "x".repeat(256)];
  for (const [i, name] of names.entries()) {
    await using ann = await server.connect(
      new URLSearchParams({ room: name, subscribe: "chat" }).toString(),
    );
    assertEquals(ann.connection.room, name);
    assertEquals(ann.connection.offset, "0");
    await ann.ask({ type: "chat", data: i });
    await ann.ask({ type: "counter", data: { id: name } });
    assertEquals(ann.all("chat").map(({ data }) => data.message), [i]);
    const details = await (await fetch(
      `${server.url}/details?${new URLSearchParams({ room: name })}`,
    )).json();
    assertEquals([details.room, details.offset, details.connections], [name, "1", 1]);
  }
  // The longest keys that names can make, of the bytes that take most.
  const longest = "\u0000".repeat(256);
  await using ben = await server.connect(new URLSearchParams({ room: longest }).toString());
  await ben.ask({ type: "poll", data: { id: longest, answer: longest } });
  await ben.ask({ type: "poll", data: { id: longest, answer: "x".repeat(256) } });
  await ben.ask({ type: "chat", data: 1, key: "\u0000".repeat(64) });
  await ben.ask({ type: "subscribe", data: "poll" });
  assertEquals((await ben.next("poll")).data.stats, { ["x".repeat(256)]: 1 });
  const nowhere = await (await fetch(`${server.url}/details?room=nobody-was-here`)).json();
  assertEquals([nowhere.exists, nowhere.offset], [false, "0"]);
});

Deno.test("admins are made by the right signature only", async () => {
  const now = Date.now();
  await using server = await startServer({}, { now: () => now });
  await using ann = await server.connect("room=a");
  const code = async (message: Record<string, unknown>): Promise<string> =>
    (await ann.refusal(message)).code;
  assertEquals(await code(authentication("b", now)), "authentication_failed");
  assertEquals(await code(authentication("a", now, "wrong")), "authentication_failed");
  assertEquals(await code(authentication("a", now - 300_001)), "timestamp_out_of_range");
  assertEquals(await code(authentication("a", now + 300_001)), "timestamp_out_of_range");
  assertEquals(
    await code({ type: "authenticate", data: { ts: now, key: "x" } }),
    "authentication_failed",
  );
  assertEquals(await code({ type: "authenticate", data: { ts: now } }), "invalid_message");
  const { data: { ts, key } } = authentication("a", now - 300_000);
  // The time as a number is as good as its text, and hexadecimal in capitals as in small letters.
  await ann.ask({ type: "authenticate", data: { ts: Number(ts), key: key.toUpperCase() } });
  assertEquals(ann.all("profile").at(-1).data.role, "admin");
  await using ben = await server.connect("room=a&session=" + ann.profile.id);
  assertEquals(ben.profile.role, "user");
});

Deno.test("the signature that the first source's text computes makes an admin", async () => {
  await using server = await startServer({}, { now: () => 1631756233699 });
  await using ann = await server.connect("room=testRoom");
  ann.send({
    type: "authenticate",
    data: {
      ts: "1631756233699",
      key: "89d88bb54565ea81c0d31c817eddba48c2fbbb0414fb4bb87c799bb2e824804a",
    },
  });
  assertEquals((await ann.next("profile")).data.role, "admin");
});

Deno.test("five wrong signatures in a row close the socket with 4401", async () => {
  await using server = await startServer();
  const ann = await server.connect("room=a");
  for (let round = 0; round < 2; round++) {
    for (let i = 0; i < 4; i++) await ann.refusal(authentication("b"));
    if (round === 0) await ann.ask(authentication("a"));
  }
  assertEquals((await ann.refusal(authentication("b"))).code, "authentication_failed");
  assertEquals((await ann.closed).code, 4401);
});

Deno.test("without a signing key there are no admins, whatever the key", async () => {
  for (const ADMIN_SIGNING_KEY of ["", "  "]) {
    await using server = await startServer({ ADMIN_SIGNING_KEY });
    await using ann = await server.connect("room=a");
    for (const key of ["", "undefined", "null", " ", "  "]) {
      const { code } = await ann.refusal(authentication("a", Date.now(), key));
      assertEquals(code, "admin_disabled");
    }
    for (const type of ["config", "broadcast", "relay", "deleteRelay"]) {
      assertEquals((await ann.refusal({ type, data: "x" })).code, "not_allowed");
    }
  }
});

Deno.test("with batch=1 one frame may hold several messages, without it never", async () => {
  await using server = await startServer();
  const frames: string[] = [];
  const socket = await RawSocket.connect(server.port, "/websocket?batch=1", (payload) => {
    frames.push(new TextDecoder().decode(payload));
  });
  while (frames.length === 0) await pause(5);
  const greeting = JSON.parse(frames[0]!);
  assertEquals(greeting.map(({ type }: { type: string }) => type), [
    "connection",
    "config",
    "profile",
  ]);
  socket.close();
  await using plain = await TestClient.connect(server.port);
  assertEquals(plain.messages.length, 3);
});

async function users(url: string): Promise<unknown[]> {
  return (await (await fetch(`${url}/users`)).json()).users;
}

/** A client that upgrades and then reads nothing more. */
async function stuckReader(port: number, query: string): Promise<Deno.Conn> {
  const connection = await Deno.connect({ hostname: "127.0.0.1", port });
  await connection.write(new TextEncoder().encode(upgradeRequest(port, `/websocket?${query}`, {})));
  await connection.read(new Uint8Array(64));
  await pause(50);
  return connection;
}

function upgradeRequest(port: number, path: string, headers: Record<string, string>): string {
  const all = {
    Host: `127.0.0.1:${port}`,
    Upgrade: "websocket",
    Connection: "Upgrade",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    ...headers,
  };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}`);
  return `GET ${path} HTTP/1.1\r\n${lines.join("\r\n")}\r\n\r\n`;
}

async function upgradeHead(
  port: number,
  path: string,
  headers: Record<string, string>,
): Promise<string> {
  using connection = await Deno.connect({ hostname: "127.0.0.1", port });
  await connection.write(new TextEncoder().encode(upgradeRequest(port, path, headers)));
  const buffer = new Uint8Array(4096);
  const count = await connection.read(buffer);
  return new TextDecoder().decode(buffer.subarray(0, count ?? 0));
}

async function upgradeStatus(
  port: number,
  path: string,
  headers: Record<string, string> = {},
): Promise<number> {
  return Number((await upgradeHead(port, path, headers)).split(" ")[1]);
}

function nested(depth: number): unknown {
  let value: unknown = 1;
  for (let i = 0; i < depth; i++) value = i % 2 ? [value] : { value };
  return value;
}
