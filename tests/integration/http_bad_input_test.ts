import { assert, assertEquals } from "@std/assert";
import { z } from "zod";
import { defineFunction } from "../../lib/functions/function.ts";
import type { Received } from "../harness/client.ts";
import { startServer, type TestServer } from "../harness/server.ts";
import { range } from "../harness/util.ts";

const ROOMY = { RATE_LIMIT: "100000", RATE_BURST: "100000" };

const put = defineFunction({
  name: "put",
  input: z.object({ key: z.string("must be text"), value: z.number("must be a number") }),
  run({ key, value }, { room }) {
    room.data.set(key, value);
    room.counter.add("puts");
    return { key };
  },
});

const open = (settings = {}): Promise<TestServer> => {
  return startServer({ ...ROOMY, ...settings }, { functions: [put] });
};

/** Names as those send them who try whether a server takes them for something else. */
const NAMES = [
  ...[
    "put' OR '1'='1",
    'put"; DROP TABLE rooms; --',
    "../put",
    "..%2f..%2fmain.ts",
    "%2e%2e%2fput",
  ],
  ...["put%00", "%00", "PUT", "put%20", "__proto__", "constructor", "toString", "${7*7}", "%F0%9F"],
  ...["%ff%fe", "%", "x".repeat(3000), "<script>alert(1)</script>", "%0d%0aX-Evil:%201", "日本"],
];

Deno.test("bodies that are not what a function takes are refused, and change nothing", async () => {
  await using server = await open();
  const deep = (levels: number): string => '{"a":'.repeat(levels) + "1" + "}".repeat(levels);
  const bodies = [
    ...["{", "nonsense", "{'key':1}", "{}{}", "\u0000", "undefined", "NaN", " "].map((body) => {
      return [body, "invalid_json"];
    }),
    ...["null", "1", '"text"', "[]", "true", '[{"key":"k","value":1}]'].map((body) => {
      return [body, "invalid_message"];
    }),
    ...["", "{}", '{"key":"k"}', '{"key":1,"value":1}', '{"key":"k","value":"1"}'].map((body) => {
      return [body, "invalid_message"];
    }),
    ...['{"__proto__":{"key":"k","value":1}}', '{"key":"k","value":1e999}', deep(10_000)].map(
      (body) => [body, "invalid_message"],
    ),
    ["[".repeat(30_000) + "]".repeat(30_000), "invalid_message"],
  ];
  for (const [body, code] of bodies) {
    for (const way of ["functions", "walker"]) {
      assertEquals(await post(server, `/${way}/put`, body), [400, code], body!.slice(0, 80));
    }
  }
  // Bytes that are no text.
  const bytes = new Uint8Array([0xff, 0xfe, 0x7b, 0x7d]);
  assertEquals(await post(server, "/functions/put", bytes), [400, "invalid_json"]);
  await assertUntouched(server);
  // What a body says of its type is no matter, nor what it holds beside what is taken.
  const more = '{"key":"k","value":1,"room":"other","type":"x","__proto__":1}';
  const headers = { "content-type": "application/x-www-form-urlencoded" };
  assertEquals(await post(server, "/functions/put", more, headers), [200, { data: { key: "k" } }]);
});

Deno.test("a body is as long as a message may be, whatever it says of its length", async () => {
  await using server = await open({ MAX_MESSAGE_BYTES: "1000" });
  const body = (bytes: number): string => {
    const [head, tail] = ['{"key":"k","value":1,"é":"', '"}'];
    return head + "x".repeat(bytes - head.length - 1 - tail.length) + tail;
  };
  const tooLarge: [number, string] = [413, "message_too_large"];
  for (const way of ["functions", "walker"]) {
    assertEquals((await post(server, `/${way}/put`, body(1000)))[0], 200);
    assertEquals(await post(server, `/${way}/put`, body(1001)), tooLarge);
    assertEquals(await post(server, `/${way}/put`, chunks(body(1001), 100)), tooLarge);
    assertEquals((await post(server, `/${way}/put`, chunks(body(1000), 7)))[0], 200);
    assertEquals(await post(server, `/${way}/put`, chunks(body(300_000), 10_000)), tooLarge);
  }
  assertEquals(await server.server.backend.state.counter("default", "puts"), "4");
});

Deno.test("names of functions and rooms are names, and nothing else", async () => {
  await using server = await open();
  for (const name of NAMES) {
    for (const way of ["functions", "walker"]) {
      const [status, code] = await post(server, `/${way}/${name}`, '{"key":"k","value":1}');
      assert(status === 404 || status === 400, `${status} for ${name}`);
      assert(code === "not_found" || code === "invalid_message", String(code));
    }
  }
  await assertUntouched(server);
  const rooms = NAMES.filter((name) => name.length <= 256);
  for (const room of rooms) {
    const query = `?room=${encodeURIComponent(room)}`;
    const [status] = await post(server, `/functions/put${query}`, '{"key":"k","value":1}');
    assertEquals(status, 200, room);
    const response = await fetch(`${server.url}/details${query}`);
    const details = await response.json();
    assertEquals([details.room, details.exists], [room, true]);
  }
  assertEquals(await server.server.backend.state.counter("default", "puts"), "0");
  for (const room of ["", "x".repeat(257), "é".repeat(129)]) {
    for (const path of ["/details", "/users", "/functions/put", "/walker/put"]) {
      const method = path.includes("put") ? "POST" : "GET";
      const refused = await ask(server, `${path}?room=${room}`, { method, body: undefined });
      assertEquals(refused, [400, "invalid_message"], path);
    }
  }
});

Deno.test("bad queries, sessions, tokens, keys and methods are refused", async () => {
  await using server = await open({ JWT_SECRET: "a secret of thirty-two bytes or more, so" });
  const body = '{"key":"k","value":1}';
  const cases = [
    ["?session=a%20b", {}, 400, "invalid_message"],
    [`?session=${"x".repeat(129)}`, {}, 400, "invalid_message"],
    ["?session=' OR 1=1", {}, 400, "invalid_message"],
    ["?token=nonsense", {}, 401, "authentication_failed"],
    ["?token=a.b.c", {}, 401, "authentication_failed"],
    [`?token=${"x".repeat(8193)}`, {}, 401, "authentication_failed"],
    ["", { authorization: "Bearer" }, 401, "authentication_failed"],
    ["", { authorization: "Basic dTpw" }, 401, "authentication_failed"],
    ["", { "x-auth-token": "nonsense" }, 401, "authentication_failed"],
    ["", { "idempotency-key": "x".repeat(65) }, 400, "invalid_message"],
  ] as const;
  for (const [query, headers, status, code] of cases) {
    const name = query + JSON.stringify(headers);
    for (const path of ["/functions/put", "/walker/put"]) {
      assertEquals(await post(server, path + query, body, headers), [status, code], name);
    }
    if ("idempotency-key" in headers) continue;
    for (const path of ["/details", "/users"]) {
      assertEquals(await ask(server, path + query, { headers }), [status, code], name);
    }
  }
  // A cookie that is none of the server's is as good as none.
  const cookie = { cookie: "tallyroom_session=' OR 1=1" };
  assertEquals((await ask(server, "/users", { headers: cookie }))[0], 200);
  const wrong = [
    ...["GET", "PUT", "DELETE", "PATCH"].flatMap((method) => {
      return [[method, "/functions/put"], [method, "/walker/put"]];
    }),
    ...["POST", "PUT", "DELETE"].flatMap((method) => [[method, "/details"], [method, "/users"]]),
    ["POST", "/functions"],
    ["POST", "/functions/"],
    ["POST", "/functions/put/more"],
    ["POST", "/websocket"],
    ["GET", "/functions"],
  ];
  for (const [method, path] of wrong) {
    const sent = method === "GET" ? undefined : body;
    const [status, code] = await ask(server, path!, { method, body: sent });
    assert(status === 404 || status === 405, `${status} for ${method} ${path}`);
    assertEquals(code, "not_found");
  }
  await assertUntouched(server);
});

Deno.test("pages elsewhere may ask, as far as their origins are allowed", async () => {
  const page = "https://widgets.example";
  await using anyone = await open();
  await using some = await open({ ALLOWED_ORIGINS: `${page},https://other.example` });
  const preflight = async ({ url }: TestServer, path: string, origin: string) => {
    const response = await fetch(url + path, {
      method: "OPTIONS",
      headers: {
        origin,
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization,content-type,idempotency-key",
      },
    });
    await response.body?.cancel();
    const { headers } = response;
    return [
      response.ok,
      headers.get("access-control-allow-origin"),
      headers.get("access-control-allow-headers")?.includes("idempotency-key") ?? false,
      headers.get("access-control-allow-methods")?.includes("POST") ?? false,
      headers.get("access-control-allow-credentials"),
    ];
  };
  for (const path of ["/functions/put", "/walker/put", "/details", "/users", "/api/list"]) {
    assertEquals(await preflight(anyone, path, page), [true, "*", true, true, null], path);
    assertEquals((await preflight(some, path, page)).slice(0, 4), [true, page, true, true], path);
    assertEquals((await preflight(some, path, "https://evil.example"))[1], null);
  }
  const body = '{"key":"k","value":1}';
  const allowed = async (server: TestServer, origin: string, text = body) => {
    const response = await fetch(`${server.url}/functions/put`, {
      method: "POST",
      headers: { origin },
      body: text,
    });
    await response.body?.cancel();
    return [response.status, response.headers.get("access-control-allow-origin")];
  };
  assertEquals(await allowed(anyone, page), [200, "*"]);
  assertEquals(await allowed(some, page), [200, page]);
  // A page is told why, too, and not only that it was refused.
  assertEquals(await allowed(some, page, "{"), [400, page]);
  assertEquals(await allowed(some, "https://evil.example"), [403, null]);
  for (const path of ["/details", "/users"]) {
    const headers = { origin: "https://evil.example" };
    assertEquals(await ask(some, path, { headers }), [403, "not_allowed"]);
  }
  assertEquals(await some.server.backend.state.counter("default", "puts"), "1");
});

Deno.test("too many requests are refused, and later ones taken again", async () => {
  let now = Date.now();
  const settings = { RATE_LIMIT: "10", RATE_BURST: "5" };
  await using server = await startServer(settings, { functions: [put], now: () => now });
  const body = '{"key":"k","value":1}';
  const paths = ["/functions/put", "/walker/put", "/users", "/details", "/functions/put"];
  const tried = (path: string) =>
    path.endsWith("put") ? post(server, path, body) : ask(server, path);
  for (const path of paths) assertEquals((await tried(path))[0], 200, path);
  for (const path of paths) assertEquals(await tried(path), [429, "rate_limited"], path);
  assertEquals(await server.server.backend.state.counter("default", "puts"), "3");
  now += 2000;
  assertEquals((await tried("/users"))[0], 200);
});

Deno.test("a flood of requests is forgotten a minute later", async () => {
  let now = Date.now();
  await using server = await startServer({ RATE_LIMIT: "10", RATE_BURST: "5" }, { now: () => now });
  for (const _ of range(1, 1000)) await ask(server, "/users");
  now += 60_000;
  assertEquals((await ask(server, "/users"))[0], 200);
});

/** A request's status, and its error's code or else its answer, which is JSON in any case. */
async function ask(
  { url }: TestServer,
  path: string,
  init: RequestInit = {},
): Promise<[status: number, answer: Received]> {
  const response = await fetch(url + path, init);
  const text = await response.text();
  assertEquals(response.headers.get("content-type"), "application/json", text.slice(0, 200));
  assertEquals(response.headers.get("x-evil"), null);
  assert(response.status < 500, `${response.status} for ${path}`);
  const answer = JSON.parse(text);
  if (response.ok) return [response.status, answer];
  const { code, message } = answer.error;
  assert(message.length > 0 && !/\bat .*:\d+|\.ts\b.*:\d|node_modules|Error:/.test(message), text);
  return [response.status, code];
}

function post(
  server: TestServer,
  path: string,
  body: BodyInit | undefined,
  headers: Record<string, string> = {},
): Promise<[status: number, answer: Received]> {
  return ask(server, path, { method: "POST", body, headers });
}

/** A body that does not say how long it is. */
function chunks(text: string, length: number): ReadableStream<Uint8Array<ArrayBuffer>> {
  const bytes = new TextEncoder().encode(text);
  let at = 0;
  return new ReadableStream({
    pull(controller) {
      if (at >= bytes.length) return controller.close();
      controller.enqueue(bytes.slice(at, at += length));
    },
  });
}

/** Nothing has been stored, and no room been made. */
async function assertUntouched({ store }: TestServer): Promise<void> {
  assertEquals(await store.list({ prefix: ["room"] }, { limit: 10 }), []);
}
