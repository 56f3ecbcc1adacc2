import { assert, assertEquals } from "@std/assert";
import { type Random, seededRandom } from "../harness/random.ts";
import { startServer } from "../harness/server.ts";

const MESSAGES = 20_000;

/** Messages that are right, of every type that a user may send without changing the room. */
const HARMLESS: readonly Record<string, unknown>[] = [
  { type: "profile" },
  { type: "subscribe", data: "chat" },
  { type: "subscribe", data: "poll:x", since: "0" },
  { type: "unsubscribe", data: "chat" },
  { type: "ping", data: 5 },
  { type: "signal", data: { event: "typing", data: true } },
  { type: "something of one's own", data: [1, null, "x"] },
];

/** Messages that would change the room, and where each can be spoilt so that it must not. */
const CHANGING: readonly { message: Record<string, unknown>; spoil: readonly string[] }[] = [
  { message: { type: "chat", data: "x" }, spoil: ["data="] },
  { message: { type: "counter", data: { id: "c", value: 1 } }, spoil: ["data.id", "data.value"] },
  { message: { type: "poll", data: { id: "p", answer: "a" } }, spoil: ["data", "data.answer"] },
  {
    message: { type: "ephemeralPoll", data: { id: "p", answer: "a" } },
    spoil: ["data", "data.id"],
  },
  { message: { type: "login", data: { name: "x" } }, spoil: ["data"] },
  { message: { type: "config", data: "x" }, spoil: [] },
  { message: { type: "broadcast", data: { type: "x", data: 1 } }, spoil: [] },
  { message: { type: "relay", data: "chat" }, spoil: [] },
  { message: { type: "authenticate", data: { ts: "1", key: "x" } }, spoil: ["data.ts", "data"] },
];

const JUNK: readonly unknown[] = [
  null,
  true,
  [],
  [[]],
  "\ud800",
  "\udfff x",
  "",
  "x".repeat(300),
  { __proto__: null, constructor: { prototype: {} } },
  JSON.parse('{"__proto__":{"polluted":true},"id":"c"}'),
  [1e308, -0, 5e-324],
  "9".repeat(400),
  "NaN",
  "Infinity",
  "0x1F",
  "1e",
  deep(3000),
];

Deno.test("20,000 random and mutated messages change nothing and end nothing", async () => {
  const random = seededRandom("fuzz");
  await using server = await startServer({ RATE_LIMIT: "1000000", RATE_BURST: "1000000" });
  const { store } = server;
  await using witness = await server.connect("subscribe=chat,counter,poll,ephemeralPoll");
  await using client = await server.connect("session=fuzzer");
  const before = await dump(store);
  const seen = witness.messages.length;
  const expected = new Map<number, string[]>();
  for (let i = 0; i < MESSAGES; i++) {
    const [text, codes] = makeMessage(random, i);
    if (codes) expected.set(i, codes);
    client.send(text);
    if (i % 500 === 0) await client.settled();
    assert(client.messages.every(({ data }) => data?.code !== "internal"), "an internal error");
  }
  await client.settled();
  await witness.settled();
  assertEquals(await dump(store), before);
  assertEquals(
    witness.messages.slice(seen).filter(({ type }) => !/ack|profile|ping/.test(type)),
    [],
  );
  assertEquals(client.all("profile").at(-1).data, client.profile);
  for (const [id, codes] of expected) {
    const answers = client.messages.filter((message) => message.id === id);
    assertEquals(answers.length, 1, `answers to ${id}`);
    const code = answers[0].data?.code ?? answers[0].type;
    assert(codes.includes(code), `${id}: ${code} is none of ${codes}`);
  }
  // deno-lint-ignore no-explicit-any -- looks for what must not be there
  assertEquals(({} as any).polluted, undefined);
  // All of it works still.
  await client.ask({ type: "chat", data: "still here" });
  await witness.next("chat");
});

/** A message's text, and, where it has an id to be answered by, the codes that are right for it. */
function makeMessage(random: Random, id: number): [text: string, codes?: string[]] {
  switch (random.below(7)) {
    case 0:
      return [randomText(random)];
    case 1: {
      // A right message with bytes of it changed, which may leave it right: of a harmless type.
      const text = JSON.stringify(random.pick(HARMLESS));
      return [scramble(random, text)];
    }
    case 2:
      return [JSON.stringify({ ...random.pick(HARMLESS), id }), ["ack"]];
    case 3: {
      const type = random.pick([...JUNK.filter((junk) => typeof junk !== "string"), 5]);
      if (type === undefined) return ["null"];
      return [JSON.stringify({ type, data: random.pick(JUNK), id }), ["invalid_message"]];
    }
    case 4:
      return [JSON.stringify({ type: "chat", data: deep(101 + random.below(5000)), id }), [
        "invalid_message",
      ]];
    case 5:
      // With neither a type nor an event that anyone handles: ignored.
      return [JSON.stringify(random.pick([{ id, data: 1 }, { event: "x:y", id }, {}]))];
    default: {
      const { message, spoil } = random.pick(CHANGING);
      const admin = ["config", "broadcast", "relay"].includes(String(message.type));
      if (admin) return [JSON.stringify({ ...message, id }), ["not_allowed"]];
      const text = JSON.stringify({ ...spoilt(random, message, random.pick(spoil)), id });
      return [text, [
        "invalid_message",
        "counter_overflow",
        "authentication_failed",
        "timestamp_out_of_range",
      ]];
    }
  }
}

/** `message` with a part replaced by what cannot stand there; `data=` takes the part away. */
function spoilt(
  random: Random,
  message: Record<string, unknown>,
  path: string,
): Record<string, unknown> {
  const copy = structuredClone(message);
  if (path === "data=") {
    delete copy.data;
    return copy;
  }
  const bad: Record<string, readonly unknown[]> = {
    "data": [null, [], "x", 5, true, "\ud800"],
    "data.id": [null, [], {}, "", "\ud800", "x".repeat(300), "é".repeat(200)],
    "data.answer": [null, [], {}, "", "\udfff", "x".repeat(300), undefined],
    "data.value": [null, [], {}, "", "NaN", "1,5", "0x1", "9".repeat(99), 1e300, -1e300, deep(200)],
    "data.ts": [null, [], "now", "-1", {}],
  };
  const value = random.pick(bad[path]!);
  const [, field] = path.split(".");
  if (field === undefined) copy.data = value;
  else (copy.data as Record<string, unknown>)[field] = value;
  return copy;
}

function randomText(random: Random): string {
  const alphabet = '{}[]":,\\0123456789.eE+-truefalsnl \u0000\u2028é漢😀';
  const characters = [...alphabet];
  return Array.from({ length: random.below(60) }, () => random.pick(characters)).join("");
}

function scramble(random: Random, text: string): string {
  const characters = [...text];
  for (let i = random.below(4); i >= 0; i--) {
    const at = random.below(characters.length);
    const edit = random.below(3);
    if (edit === 0) characters.splice(at, 1);
    else if (edit === 1) characters.splice(at, 0, String.fromCharCode(32 + random.below(95)));
    else characters[at] = String.fromCharCode(random.below(128));
  }
  return characters.join("");
}

function deep(levels: number): unknown {
  let value: unknown = 0;
  for (let i = 0; i < levels; i++) value = [value];
  return value;
}

/** Everything in the store that belongs to a room. */
async function dump(store: Awaited<ReturnType<typeof startServer>>["store"]): Promise<string[]> {
  const entries = await store.list({ prefix: ["room"] }, { limit: 10_000 });
  return entries.map(({ key, versionstamp }) => `${JSON.stringify(key)} ${versionstamp}`);
}
