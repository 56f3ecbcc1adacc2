import { assert, assertEquals, assertRejects } from "@std/assert";
import { SignJWT } from "jose";
import { z } from "zod";
import { setErrorReporter } from "../../lib/errors.ts";
import {
  type ClientToVerify,
  createServer,
  type CreateServerOptions,
  defineFunction,
  type Policy,
  type RunningServer,
} from "../../mod.ts";
import { type Received, TestClient } from "../harness/client.ts";
import { startServer, type TestServer } from "../harness/server.ts";
import { pause, range } from "../harness/util.ts";

const SECRET = "a secret of the tests, of thirty-two bytes or more";
const ROOMY = { JWT_SECRET: SECRET, RATE_LIMIT: "100000", RATE_BURST: "100000" };

function tokenOf(user: string): Promise<string> {
  const key = new TextEncoder().encode(SECRET);
  return new SignJWT({ sub: user }).setProtectedHeader({ alg: "HS256" }).sign(key);
}

const ping = defineFunction({
  name: "ping",
  input: z.object({}),
  run: (_input, { room }) => room.counter.add("pings"),
});

/** What says no to everyone but Ann, at once or after a while. */
const ONLY_ANN: Record<string, (userId: string) => boolean | Promise<boolean>> = {
  "at once": (userId) => userId === "ann",
  "after a while": async (userId) => {
    await pause(2);
    return userId === "ann";
  },
};

for (const [when, allow] of Object.entries(ONLY_ANN)) {
  const open = (policy: Partial<Policy>): Promise<TestServer> => {
    return startServer(ROOMY, { policy, functions: [ping] });
  };
  const asked: unknown[] = [];

  Deno.test(`who may not enter a room neither connects nor calls, said ${when}`, async () => {
    await using server = await open({
      mayEnter: (asker, room) => {
        asked.push([asker, room]);
        return room === "open" || allow(asker.userId);
      },
    });
    const [ann, ben] = [await tokenOf("ann"), await tokenOf("ben")];
    assertEquals(await refusedUpgrade(server, `room=r&token=${ben}`), [403, "not_allowed"]);
    assertEquals(asked.at(-1), [{ userId: "ben", role: "user" }, "r"]);
    assertEquals(await refusedUpgrade(server, "room=r"), [403, "not_allowed"]);
    for (const way of ["functions", "walker"]) {
      const path = `/${way}/ping?room=r&token=`;
      assertEquals(await request(server, path + ben, {}), [403, "not_allowed"]);
      assertEquals((await request(server, path + ann, {}))[0], 200);
      assertEquals(await request(server, `/${way}/nothing?room=r&token=${ben}`, {}), [
        404,
        "not_found",
      ]);
    }
    await using here = await server.connect(`room=r&token=${ann}&subscribe=counter:pings`);
    assertEquals((await here.next("counter")).data.value, "2");
    await using _there = await server.connect(`room=open&token=${ben}`);
    assertEquals(server.server.backend.hub.rooms.get("r")!.members.size, 1);
  });

  Deno.test(`who may not know the users of a room is not told, said ${when}`, async () => {
    await using server = await open({ mayReadUsers: ({ userId }) => allow(userId) });
    const [ann, ben] = [await tokenOf("ann"), await tokenOf("ben")];
    for (const path of ["/users?room=r&token=", "/details?room=r&token="]) {
      assertEquals(await request(server, path + ben), [403, "not_allowed"]);
      assertEquals((await request(server, path + ann))[0], 200);
    }
    const query = `room=r&subscribe=chat,presence&token=`;
    assertEquals(await refusedUpgrade(server, query + ben), [403, "not_allowed"]);
    await using hers = await server.connect(query + ann);
    await using his = await server.connect(`room=r&token=${ben}`);
    assertEquals((await his.refusal({ type: "subscribe", data: "presence" })).code, "not_allowed");
    await hers.ask({ type: "status", data: "AWAY" });
    assertEquals(await his.ask({ type: "subscribe", data: "chat" }), {
      replayed: 0,
      complete: true,
    });
    assertEquals(his.all("presence"), []);
    assertEquals(his.all("STATUS_CHANGE"), []);
    assertEquals((await hers.next("presence")).data.event, "state");
  });

  Deno.test(`who may not know a room's past gets what comes, said ${when}`, async () => {
    await using server = await open({ mayReadHistory: ({ userId }) => allow(userId) });
    const [ann, ben] = [await tokenOf("ann"), await tokenOf("ben")];
    await using hers = await server.connect(`room=r&token=${ann}`);
    await hers.ask({ type: "chat", data: "before" });
    for (const past of ["since=0", "history=5"]) {
      const query = `room=r&subscribe=chat&${past}&token=`;
      assertEquals(await refusedUpgrade(server, query + ben), [403, "not_allowed"]);
      await using again = await server.connect(query + ann);
      assertEquals((await again.next("chat")).data.message, "before");
    }
    await using his = await server.connect(`room=r&token=${ben}`);
    for (const past of [{ since: "0" }, { history: 5 }]) {
      const refused = await his.refusal({ type: "subscribe", data: "chat", ...past });
      assertEquals(refused.code, "not_allowed");
    }
    await his.ask({ type: "subscribe", data: "chat" });
    await hers.ask({ type: "chat", data: "now" });
    assertEquals((await his.next("chat")).data.message, "now");
  });

  Deno.test(`who may not send to others reaches nobody, said ${when}`, async () => {
    const targets: unknown[] = [];
    await using server = await open({
      maySend: ({ userId }, target) => {
        targets.push(target);
        return allow(userId);
      },
    });
    const [ann, ben] = [await tokenOf("ann"), await tokenOf("ben")];
    await using hers = await server.connect(`room=r&channel_id=c&token=${ann}`);
    await using his = await server.connect(`room=r&token=${ben}`);
    const { client_id } = hers.connection;
    const data = { type: "hello" };
    const messages = [
      { type: "user", root_ids: ["ann"], data },
      { type: "channel", channel_ids: ["c"], data },
      { type: "client", client_ids: [client_id], data },
      { type: "siblings", data },
    ];
    for (const message of messages) {
      assertEquals((await his.refusal(message)).code, "not_allowed", message.type);
    }
    assertEquals(targets, [
      { kind: "user", ids: ["ann"] },
      { kind: "channel", ids: ["c"] },
      { kind: "client", ids: [client_id] },
      { kind: "user", ids: ["ben"], except: his.connection.client_id },
    ]);
    await hers.settled();
    assertEquals(hers.all("hello"), []);
    assertEquals(await hers.ask({ type: "user", root_ids: ["ben"], data }), { delivered: 1 });
    await his.next("hello");
  });

  Deno.test(`who may not converse neither reads nor writes, said ${when}`, async () => {
    await using server = await open({
      mayConverse: (asker, conversation) => {
        asked.push([asker, conversation]);
        return conversation.id === "open" || allow(asker.userId);
      },
    });
    const [ann, ben] = [await tokenOf("ann"), await tokenOf("ben")];
    const text = { type: "text", text: "hello" };
    for (const place of ["user/cay", "topic/secret"]) {
      const refused: [number, string] = [403, "NOT_ALLOWED"];
      const path = `/api/${place}`;
      assertEquals(await request(server, path, text, bearer(ben)), refused);
      const [kind, id] = place.split("/");
      assertEquals(asked.at(-1), [{ userId: "ben", role: "user" }, { kind, id }]);
      const [status, { entry }] = await request(server, path, text, bearer(ann));
      assertEquals(status, 201);
      const one = `${path}/${entry.id}`;
      assertEquals(await request(server, path, undefined, bearer(ben)), refused);
      assertEquals(await request(server, one, { text: "changed" }, bearer(ben)), refused);
      assertEquals(await request(server, one, undefined, bearer(ben), "DELETE"), refused);
      const [, { messages }] = await request(server, path, undefined, bearer(ann));
      assertEquals(messages.map(({ text }: Received) => text), ["hello"]);
    }
    assertEquals((await request(server, "/api/topic/open", text, bearer(ben)))[0], 201);
  });
}

Deno.test("a sender's messages keep their order behind a policy that takes its time", async () => {
  let delay = 0;
  const policy: Partial<Policy> = {
    maySend: async () => {
      await pause(delay = (delay + 7) % 13);
      return true;
    },
  };
  await using server = await startServer(ROOMY, { policy });
  await using ann = await server.connect("subscribe=chat");
  const { client_id } = ann.connection;
  for (const i of range(1, 60)) {
    if (i % 3 > 0) ann.send({ type: "chat", data: i, id: i });
    else ann.send({ type: "client", client_ids: [client_id], data: { type: "me", i }, id: i });
  }
  await ann.find(({ type, id }) => type === "ack" && id === 60);
  const seen = ann.messages.filter(({ type }) => type === "chat" || type === "me");
  assertEquals(seen.map(({ data, i }) => i ?? data.message), range(1, 60));
  assertEquals(ann.all("ack").map(({ id }) => id), range(1, 60));
});

Deno.test("a policy that fails permits nothing, and holds nobody up", async () => {
  const reported: unknown[] = [];
  setErrorReporter((error) => reported.push(error));
  try {
    for (
      const fail of [() => Promise.reject(new Error("a secret")), () => {
        throw new Error("a secret");
      }]
    ) {
      await using server = await startServer(ROOMY, {
        policy: { maySend: fail, mayReadUsers: fail },
      });
      await using ann = await server.connect();
      const { client_id } = ann.connection;
      const message = { type: "client", client_ids: [client_id], data: { type: "me" } };
      assertEquals((await ann.refusal(message)).code, "internal");
      await ann.ask({ type: "chat", data: 1 });
      assertEquals(ann.all("me"), []);
      assertEquals(await request(server, "/users"), [500, "internal"]);
    }
    assertEquals(reported.length, 4);
  } finally {
    setErrorReporter((error) => console.error(error));
  }
});

Deno.test("a user id is claimed only where it is verified, and a token wins over it", async () => {
  const seen: ClientToVerify[] = [];
  await using server = await run({
    verifyClient: async (client) => {
      seen.push(client);
      await pause(1);
      return client.userId !== "99";
    },
  });
  const query = "room=r&userId=";
  await using claimed = await server.connect(`${query}44`);
  assertEquals(claimed.connection.user_id, "44");
  assertEquals([seen[0]!.userId, seen[0]!.secure, seen[0]!.origin], ["44", false, undefined]);
  assert(seen[0]!.req.url.includes("userId=44"));
  await using nobody = await server.connect("room=r");
  assertEquals(seen[1]!.userId, undefined);
  assert(nobody.connection.user_id.length === 22);
  const token = await tokenOf("ann");
  await using known = await server.connect(`${query}44&token=${token}`);
  assertEquals(known.connection.user_id, "ann");
  for (const bad of [`${query}99`, `${query}99&token=${token}`, `${query}44&token=nonsense`]) {
    assertEquals(await refusedUpgrade(server, bad), [401, "authentication_failed"]);
  }
  assertEquals(await refusedUpgrade(server, `${query}${"x".repeat(257)}`), [
    400,
    "invalid_message",
  ]);
  assertEquals(server.running.stats.connections, 3);

  await using plain = await run({});
  assertEquals(await refusedUpgrade(plain, `${query}44`), [401, "authentication_failed"]);
  await using also = await plain.connect(`room=r&userId=&token=${token}`);
  assertEquals(also.connection.user_id, "ann");
});

Deno.test("middleware is used for its route, and for no other", async () => {
  await using server = await run({
    use: {
      "/peerjs/*": (context) => Promise.resolve(context.text(`peer ${context.req.path}`)),
      "/stats": async (context, next) => {
        await next();
        context.header("X-Seen", "yes");
      },
    },
  });
  const get = async (path: string): Promise<[number, string, string | null]> => {
    const response = await fetch(`${server.url}${path}`);
    return [response.status, await response.text(), response.headers.get("x-seen")];
  };
  assertEquals(await get("/peerjs/id"), [200, "peer /peerjs/id", null]);
  assertEquals((await get("/stats"))[2], "yes");
  const [status, , seen] = await get("/healthz");
  assertEquals([status, seen], [200, null]);
});

Deno.test("a server that cannot start says so, and leaves nothing behind", async () => {
  const directory = await Deno.makeTempDir();
  await using server = await run({});
  for (const KV_PATH of [":memory:", `${directory}/kv.sqlite3`]) {
    const settings = { HOST: "127.0.0.1", KV_PATH };
    const second = createServer({ port: server.port, settings });
    const error = await assertRejects(() => second.ready, Error, String(server.port));
    assertEquals([error.name, error.message.includes("\n")], ["StartError", false]);
    assertEquals(second.stats, {});
  }
  const nowhere = createServer({ port: 0, settings: { KV_PATH: `${directory}/no/such/kv` } });
  assertEquals((await assertRejects(() => nowhere.ready, Error, "store")).name, "StartError");
  await Deno.remove(directory, { recursive: true });
});

Deno.test("whoever is there at the end is told when to come back", async () => {
  const server = await run({});
  const clients = await Promise.all([server.connect("room=a"), server.connect("room=b")]);
  assertEquals(server.running.stats.connections, 2);
  await server.running.disconnect();
  for (const client of clients) {
    assertEquals((await client.closed).code, 1012);
    const { data } = client.messages.find(({ type }) => type === "draining");
    assert(Number.isInteger(data.retry_ms) && data.retry_ms >= 0);
  }
  await assertRejects(() => fetch(`${server.url}/healthz`));
});

Deno.test("a server may be told to end before it has started, and again", async () => {
  const settings = { HOST: "127.0.0.1", KV_PATH: ":memory:" };
  const running = createServer({ port: 0, settings });
  await running.disconnect();
  await running.disconnect();
});

Deno.test("two servers of one process on one file share its rooms", async () => {
  const directory = await Deno.makeTempDir();
  {
    const settings = { KV_PATH: `${directory}/kv.sqlite3` };
    await using first = await run({ settings });
    await using second = await run({ settings });
    await using ann = await first.connect("room=r&subscribe=chat");
    await using ben = await second.connect("room=r&subscribe=chat");
    assertEquals([ann.profile.suffix, ben.profile.suffix], [1, 2]);
    await ann.ask({ type: "chat", data: "from the first" });
    await ben.ask({ type: "chat", data: "from the second" });
    for (const client of [ann, ben]) {
      await client.find(({ type, offset }) => type === "chat" && offset === "2");
      const texts = client.all("chat").map(({ data }) => data.message);
      assertEquals(texts, ["from the first", "from the second"]);
    }
  }
  await Deno.remove(directory, { recursive: true });
});

interface Running extends AsyncDisposable {
  readonly running: RunningServer;
  readonly port: number;
  readonly url: string;
  connect(query?: string): Promise<TestClient>;
}

/** Starts a server as a program that embeds it does, on a port and a store of its own. */
async function run({ settings, ...options }: CreateServerOptions): Promise<Running> {
  const running = createServer({
    port: 0,
    settings: { HOST: "127.0.0.1", KV_PATH: ":memory:", JWT_SECRET: SECRET, ...settings },
    ...options,
  });
  const { port } = await running.ready;
  return {
    running,
    port,
    url: `http://127.0.0.1:${port}`,
    connect: (query) => TestClient.connect(port, query),
    [Symbol.asyncDispose]: () => running.disconnect(),
  };
}

/** Asks for a socket, and is refused: the answer's status and code. */
async function refusedUpgrade({ port }: { port: number }, query: string): Promise<unknown[]> {
  await using socket = await Deno.connect({ port, hostname: "127.0.0.1" }) as
    & Deno.TcpConn
    & AsyncDisposable;
  const key = btoa("0123456789abcdef");
  const lines = [`GET /websocket?${query} HTTP/1.1`, "Host: 127.0.0.1", "Connection: Upgrade"];
  lines.push("Upgrade: websocket", "Sec-WebSocket-Version: 13", `Sec-WebSocket-Key: ${key}`);
  await socket.write(new TextEncoder().encode(`${lines.join("\r\n")}\r\n\r\n`));
  const buffer = new Uint8Array(4096);
  const answer = new TextDecoder().decode(buffer.subarray(0, await socket.read(buffer) ?? 0));
  const code = /"code":"(\w+)"/.exec(answer)?.[1];
  return [Number(answer.split(" ")[1]), code];
}

/** A request's status, and its error's code or else its answer. */
async function request(
  { url }: { url: string },
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
  method = body === undefined ? "GET" : "POST",
): Promise<[status: number, answer: Received]> {
  const text = body === undefined ? undefined : JSON.stringify(body);
  const response = await fetch(`${url}${path}`, { method, headers, body: text });
  const answer = await response.json();
  return [response.status, answer.error?.code ?? answer.code ?? answer];
}

function bearer(token: string): Record<string, string> {
  return { authorization: `Bearer ${token}` };
}
