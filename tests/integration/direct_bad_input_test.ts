import { assert, assertEquals } from "@std/assert";
import { SignJWT, UnsecuredJWT } from "jose";
import type { Received } from "../harness/client.ts";
import { startServer, type TestServer } from "../harness/server.ts";
import { onEveryStore } from "../harness/stores.ts";

const SECRET = "a secret of the tests, of thirty-two bytes or more";
const ENVIRONMENT = { JWT_SECRET: SECRET, RATE_LIMIT: "100000", RATE_BURST: "100000" };

/** The claims of a token, its secret and its header, where they differ from a good one's. */
async function tokenOf(
  claims: Record<string, unknown>,
  secret: string = SECRET,
  alg: string = "HS256",
): Promise<string> {
  return await new SignJWT(claims).setProtectedHeader({ alg }).sign(
    new TextEncoder().encode(secret),
  );
}

const json = (body: unknown): RequestInit => ({ body: JSON.stringify(body) });
const HELLO = json({ type: "text", text: "hello" });
const BAD = [400, "INVALID_MESSAGE"] as const;
const NOT_JSON = [400, "INVALID_JSON"] as const;
const NO_TYPE = [400, "MESSAGES_INVALID_TYPE"] as const;
const NO_TARGET = [400, "MESSAGES_INVALID_TARGET"] as const;
const BAD_TOKEN = [401, "INVALID_TOKEN_ERR"] as const;
const NOBODY = [401, "NOT_AUTHENTICATED"] as const;
const FORBIDDEN = [403, "NOT_ALLOWED"] as const;
const MISSING = [404, "NOT_FOUND"] as const;
const TOO_LARGE = [413, "MESSAGE_TOO_LARGE"] as const;

type Refusal = readonly [status: number, code: string];

/** A server with some messages, and what nobody may change of it. */
class Stage {
  private constructor(
    readonly server: TestServer,
    readonly ann: string,
    /** A message of ann's to ben, one of ben's to ann, one of ann's to cay and one on a topic. */
    readonly ids: { ann: string; ben: string; cay: string; topic: string },
    readonly before: unknown,
  ) {}

  static async set(server: TestServer): Promise<Stage> {
    const [ann, ben] = await Promise.all(["ann", "ben"].map((sub) => tokenOf({ sub })));
    const send = async (token: string, path: string): Promise<string> => {
      const answer = await request(server, `POST ${path}`, { ...HELLO, headers: bearer(token) });
      return answer.entry.id;
    };
    const ids = {
      ann: await send(ann!, "/user/ben"),
      ben: await send(ben!, "/user/ann"),
      cay: await send(ann!, "/user/cay"),
      topic: await send(ben!, "/topic/t"),
    };
    return new Stage(server, ann!, ids, await dump(server));
  }

  /** Asks what must be refused as given, as ann unless `init` has other headers. */
  async refuses([status, code]: Refusal, what: string, init: RequestInit = {}): Promise<void> {
    const headers = init.headers ?? bearer(this.ann);
    const answer = await request(this.server, what, { ...init, headers });
    const { name, message, ...rest } = answer;
    assertEquals(rest, { error: true, code, status }, `${what} ${init.body}`);
    assert(typeof name === "string" && typeof message === "string" && message !== "", what);
    // No word of where in the program it failed.
    assert(!/\.ts\b|node_modules|\n\s*at /.test(message), message);
  }

  async unchanged(): Promise<void> {
    assertEquals(await dump(this.server), this.before);
    const answer = await request(this.server, "GET /list", { headers: bearer(this.ann) });
    assertEquals(answer.state.total, 2);
  }
}

function bearer(token: string): Record<string, string> {
  return { Authorization: `Bearer ${token}` };
}

/** Asks `METHOD /path` under `/api`, and resolves to the answer's body. */
async function request({ url }: TestServer, what: string, init: RequestInit): Promise<Received> {
  const [method, path] = [what.slice(0, what.indexOf(" ")), what.slice(what.indexOf(" ") + 1)];
  const response = await fetch(`${url}/api${path}`, { method, ...init });
  assert(response.headers.get("content-type")?.startsWith("application/json"), what);
  const body = await response.json();
  if (body.error) assertEquals(response.status, body.status);
  return body;
}

/** All that is in the store. */
async function dump({ store }: TestServer): Promise<unknown> {
  return await store.list({ prefix: [] }, { limit: 100_000 });
}

Deno.test("those who are nobody are refused, whatever they ask for", async () => {
  await using server = await startServer(ENVIRONMENT);
  const stage = await Stage.set(server);
  const past = Math.floor(Date.now() / 1000) - 3600;
  const good = await tokenOf({ sub: "ann" });
  const tokens: Record<string, string> = {
    "alg none": new UnsecuredJWT({ sub: "ann" }).encode(),
    "alg None": `${btoa('{"alg":"None"}')}.${good.split(".")[1]}.`,
    "an algorithm that is not taken": await tokenOf({ sub: "ann" }, SECRET.repeat(2), "HS512"),
    "another's secret": await tokenOf({ sub: "ann" }, SECRET.toUpperCase()),
    "expired": await tokenOf({ sub: "ann", exp: past }),
    "not yet": await tokenOf({ sub: "ann", nbf: past + 7200 }),
    "no user": await tokenOf({ name: "ann" }),
    "an empty user": await tokenOf({ sub: "" }),
    "a user of 257 bytes": await tokenOf({ sub: "x".repeat(257) }),
    "a user that is a list": await tokenOf({ user_id: ["ann"] }),
    "cut off": good.slice(0, -1),
    "another payload": good.replace(/\..*\./, `.${btoa('{"sub":"ben"}').replaceAll("=", "")}.`),
    "two": `${good} ${good}`,
    "no token": "../../etc/passwd",
    "a dot": ".",
    "very long": "x".repeat(10_000),
  };
  const endpoints = [
    ...["GET /list", "GET /user/ben", "GET /topic/t", "POST /user/ben", "POST /topic/t"],
    ...[`POST /user/ben/${stage.ids.ann}`, `DELETE /user/ben/${stage.ids.ann}`],
  ];
  for (const what of endpoints) {
    const init = what.startsWith("POST") ? HELLO : {};
    await stage.refuses(NOBODY, what, { ...init, headers: {} });
    await stage.refuses(NOBODY, what, { ...init, headers: { "X-Auth-Token": "" } });
    for (const token of Object.values(tokens)) {
      await stage.refuses(BAD_TOKEN, what, { ...init, headers: bearer(token) });
      await stage.refuses(BAD_TOKEN, what, { ...init, headers: { "X-Auth-Token": token } });
    }
    // A token in the URL would be in every log.
    await stage.refuses(NOBODY, `${what}?token=${good}`, { ...init, headers: {} });
  }
  await stage.refuses(BAD_TOKEN, "GET ", { headers: bearer(tokens.expired!) });
  const greeting = await request(server, "GET ", {});
  assertEquals([greeting.authenticated, greeting.success], [false, true]);
  await stage.unchanged();
});

Deno.test("what is not as it should be is refused, and changes nothing", async () => {
  await using server = await startServer(ENVIRONMENT);
  const stage = await Stage.set(server);
  const { ids } = stage;

  const send = "POST /user/ben";
  for (
    const body of ["{", "hello", "{'type':'text'}", "NaN", "\uFEFF\uFEFF{}", "[".repeat(50_000)]
  ) {
    for (const what of [send, `${send}/${ids.ann}`]) await stage.refuses(NOT_JSON, what, { body });
  }
  for (const body of ["null", "7", '"text"', "[]", '[{"type":"text","text":"x"}]']) {
    for (const what of [send, `${send}/${ids.ann}`]) await stage.refuses(BAD, what, { body });
  }
  for (
    const type of [undefined, null, 7, "", "TEXT", "video", ["text"], { text: 1 }, "__proto__"]
  ) {
    await stage.refuses(NO_TYPE, send, json({ type, text: "hello", image: "https://example.com" }));
  }
  await stage.refuses(NO_TYPE, send, {});
  const tooLong = ["x".repeat(16_385), "é".repeat(8193)];
  for (const text of [undefined, null, 7, true, "", [], {}, ["x"], ...tooLong]) {
    await stage.refuses(BAD, send, json({ type: "text", text }));
    await stage.refuses(BAD, `${send}/${ids.ann}`, json({ text }));
  }
  const images = [
    "x",
    "/x.png",
    "javascript:alert(1)",
    "data:image/png;base64,",
    "http://",
    " http:",
  ];
  for (const image of [undefined, null, 7, "", ...images, `https://e.com/${tooLong[0]}`]) {
    await stage.refuses(BAD, send, json({ type: "image", image }));
  }
  for (const edit of [{}, { type: "text" }, { image: "https://e.com" }, { author: "ben" }]) {
    await stage.refuses(BAD, `${send}/${ids.ann}`, json(edit));
  }
  for (const status of [null, "", "SEEN", "unseen", true, 1, ["seen"]]) {
    await stage.refuses(BAD, `${send}/${ids.ben}`, json({ status }));
  }
  for (const key of ["", "k".repeat(65)]) {
    const headers = { ...bearer(stage.ann), "Idempotency-Key": key };
    await stage.refuses(BAD, send, { ...HELLO, headers });
  }

  // Others' messages, and messages of other threads.
  await stage.refuses(FORBIDDEN, `${send}/${ids.ben}`, json({ text: "x" }));
  await stage.refuses(FORBIDDEN, `${send}/${ids.ben}`, json({ text: "x", status: "seen" }));
  await stage.refuses(FORBIDDEN, `${send}/${ids.ann}`, json({ status: "seen" }));
  await stage.refuses(FORBIDDEN, `DELETE /user/ben/${ids.ben}`);
  await stage.refuses(FORBIDDEN, `DELETE /topic/t/${ids.topic}`);
  const foreign = [
    ...[ids.cay, ids.topic, ids.ann.toUpperCase(), ids.ann.slice(0, -1), `${ids.ann}0`],
    ...[ids.ann.slice(-12), crypto.randomUUID(), `00000000${ids.ann.slice(8)}`],
    ...["1", "-1", "ffffffff-ffff-ffff-ffff-ffffffffffff", "'%20OR%201=1", "%00", "%F0%9F%98%80"],
    ...["..%2F..%2Fetc%2Fpasswd", "__proto__", "constructor", "x".repeat(4000)],
  ];
  for (const id of foreign) {
    await stage.refuses(MISSING, `POST /user/ben/${id}`, json({ text: "x" }));
    await stage.refuses(MISSING, `DELETE /user/ben/${id}`);
  }
  await stage.refuses(MISSING, `DELETE /topic/t/${ids.ann}`);
  await stage.refuses(MISSING, `DELETE /user/ann/${ids.ann}`);

  const pages = [
    "0",
    "-1",
    "1.5",
    "1e1",
    "x",
    "%00",
    "NaN",
    "Infinity",
    "9".repeat(30),
    "100001",
    " 1",
  ];
  for (const page of pages) {
    for (const path of ["/list", "/user/ben", "/topic/t"]) {
      for (const name of ["page", "per_page", "limit"]) {
        await stage.refuses(BAD, `GET ${path}?${name}=${page}`);
      }
    }
  }
  await stage.refuses(BAD, "GET /list?per_page=101");
  await stage.refuses(BAD, "GET /list?limit=101&page=1");
  await stage.unchanged();
});

Deno.test("what there is not is not found", async () => {
  await using server = await startServer(ENVIRONMENT);
  const stage = await Stage.set(server);
  for (const target of ["users", "USER", "dm", "room", "__proto__", "'%20OR%201=1", "%00", "😀"]) {
    for (const what of ["GET", "POST"]) {
      await stage.refuses(NO_TARGET, `${what} /${target}/ben`, what === "POST" ? HELLO : {});
    }
    await stage.refuses(NO_TARGET, `DELETE /${target}/ben/${stage.ids.ann}`);
  }
  for (
    const path of ["/", "/user", "/user/", "/user/ben/x/y", "/list/", "/user/ben/", "//user/ben"]
  ) {
    for (const method of ["GET", "POST", "DELETE"]) {
      await stage.refuses(MISSING, `${method} ${path}`);
    }
  }
  for (const path of ["/list", "/user/ben", `/user/ben/${stage.ids.ann}`]) {
    for (const method of ["PUT", "PATCH", "PROPFIND"]) {
      await stage.refuses(MISSING, `${method} ${path}`, HELLO);
    }
  }
  for (const what of ["POST /list", "DELETE /list", "DELETE /user/ben", "POST "]) {
    await stage.refuses(MISSING, what);
  }
  await stage.refuses(MISSING, `GET /user/ben/${stage.ids.ann}`);
  await stage.unchanged();
});

Deno.test("a body that is too large is not read to its end", async () => {
  await using server = await startServer({ ...ENVIRONMENT, MAX_MESSAGE_BYTES: "20000" });
  const stage = await Stage.set(server);
  for (const path of ["/user/ben", `/user/ben/${stage.ids.ann}`]) {
    const text = "x".repeat(100);
    const large = json({ type: "text", text, more: "x".repeat(20_000) });
    await stage.refuses(TOO_LARGE, `POST ${path}`, large);
    await stage.refuses(TOO_LARGE, `POST ${path}`, { body: "x".repeat(5_000_000) });
    // One without a length, that goes on until it is answered.
    let answered = false;
    const chunk = new TextEncoder().encode('{"type":"text","text":"hello"'.padEnd(1000));
    const endless = new ReadableStream({
      pull: (controller) => answered ? controller.close() : controller.enqueue(chunk),
    });
    await stage.refuses(TOO_LARGE, `POST ${path}`, { body: endless });
    answered = true;
  }
  // In pieces, as long as it may be.
  const halves = ['{"type":"text","te', 'xt":"🙂'].map((half) => new TextEncoder().encode(half));
  const end = new TextEncoder().encode('"}');
  const pieces = ReadableStream.from([
    halves[0]!,
    halves[1]!.slice(0, -2),
    halves[1]!.slice(-2),
    end,
  ]);
  await stage.unchanged();
  const init = { body: pieces, headers: bearer(stage.ann) };
  assertEquals((await request(server, "POST /user/ben", init)).entry.text, "🙂");
});

onEveryStore("odd ids are names like any other, up to their length", async (start) => {
  await using server = await start(ENVIRONMENT);
  const odd = [
    ...["' OR 1=1", "'; DROP TABLE kv; --", "../../etc/passwd", "/", "a/b", "\0", "a\0b", "%00"],
    ...["😀", "é", "e\u0301", "\u202e", " ", "a b", "a-b", "a:b", "?", "#", "%", "%2F", "+", "\\"],
    ...["__proto__", "constructor", "hasOwnProperty", "null", "0", "00", "-1", "1e3", "list"],
    ...[
      "\n",
      "\u007f",
      "\uffff",
      "x".repeat(256),
      "\0".repeat(256),
      "é".repeat(128),
      "😀".repeat(64),
    ],
  ];
  // Each writes to the next one, and about the one after.
  const tokens = await Promise.all(odd.map((sub) => tokenOf({ sub, name: `I am ${sub}` })));
  const at = (n: number): string => encodeURIComponent(odd[n % odd.length]!);
  for (const [n, token] of tokens.entries()) {
    const say = async (path: string): Promise<Received> => {
      const init = {
        ...HELLO,
        headers: { ...bearer(token), "Idempotency-Key": "ÿ".repeat(64) },
      };
      return await request(
        server,
        `POST ${path}`,
        n % 2 ? { ...HELLO, headers: bearer(token) } : init,
      );
    };
    const { entry } = await say(`/user/${at(n + 1)}`);
    assertEquals(String(entry?.author), odd[n]);
    if (n % 2) assertEquals((await say(`/topic/${at(n)}`)).entry.text, "hello");
  }
  for (const [n, token] of tokens.entries()) {
    const get = (path: string) => request(server, `GET ${path}`, { headers: bearer(token) });
    const { entries } = await get("/list");
    const names = entries.map((entry: Received) => [entry.type, String(entry.id)]);
    const last = odd.length - 1;
    const wanted = [["user", odd[(n + 1) % odd.length]], ["user", odd[n === 0 ? last : n - 1]]];
    if (n % 2) wanted.push(["topic", odd[n]]);
    assertEquals(new Set(names), new Set(wanted));
    const { messages, state } = await get(`/user/${at(n + 1)}`);
    assertEquals([state.total, messages[0].author.name], [1, `I am ${odd[n]}`]);
  }

  const before = await dump(server);
  const headers = bearer(tokens[0]!);
  for (
    const id of [
      "x".repeat(257),
      "\0".repeat(257),
      "é".repeat(129),
      "😀".repeat(65),
      "x".repeat(5000),
    ]
  ) {
    for (const kind of ["user", "topic"]) {
      const path = `/${kind}/${encodeURIComponent(id)}`;
      for (const what of [`GET ${path}`, `POST ${path}`, `DELETE ${path}/${crypto.randomUUID()}`]) {
        const { code, status } = await request(server, what, {
          ...what.startsWith("POST") ? HELLO : {},
          headers,
        });
        assertEquals([status, code], BAD, what.slice(0, 40));
      }
    }
  }
  assertEquals(await dump(server), before);
});

Deno.test("what a browser would never send is answered, too", async () => {
  await using server = await startServer(ENVIRONMENT);
  const stage = await Stage.set(server);
  const auth = `Authorization: Bearer ${stage.ann}\r\n`;
  const chunked = `${auth}Transfer-Encoding: chunked\r\n`;
  const cases: [requestLine: string, headers: string, body: string, status: number][] = [
    ["GET /api/user/../../etc/passwd", auth, "", 404],
    ["GET /api/../api/%2e%2e/etc/passwd", auth, "", 404],
    ["GET /api/user/%", auth, "", 200],
    ["GET /api/user/%E0%A4%A", auth, "", 200],
    ["GET /api/user/%ff", auth, "", 200],
    ["GET /api/user/ben?page=%E0%A4%A", auth, "", 400],
    ["GET /api/list?page=1&page=x", auth, "", 200],
    ["GET /api/list", "Authorization: \x80\xff\r\n", "", 401],
    ["POST /api/user/ben", `${chunked}`, '5\r\n{"typ\r\n0\r\n\r\n', 400],
    ["POST /api/user/ben", `${chunked}`, `15000\r\n${"x".repeat(0x15000)}\r\n0\r\n\r\n`, 413],
  ];
  for (const [line, headers, body, status] of cases) {
    const answer = await raw(
      server.port,
      `${line} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${headers}\r\n${body}`,
    );
    assertEquals(answer.slice(9, 12), String(status), line);
    assert(!/\.ts\b|\n\s+at /.test(answer), answer);
  }
  await stage.unchanged();
});

/** Sends bytes as they are, and resolves to what comes back. */
async function raw(port: number, text: string): Promise<string> {
  using connection = await Deno.connect({ hostname: "127.0.0.1", port });
  const bytes = Uint8Array.from(text, (character) => character.charCodeAt(0));
  const writing = new Response(bytes).body!.pipeTo(connection.writable, { preventClose: true })
    .catch(() => {});
  const answer = await new Response(connection.readable).text();
  await writing;
  return answer;
}
