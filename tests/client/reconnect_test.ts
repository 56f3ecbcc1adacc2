import { assert, assertEquals } from "@std/assert";
import { ProtocolError } from "../../lib/errors.ts";
import { authentication } from "../harness/admin.ts";
import { ServerProcess } from "../harness/process.ts";
import { type Random, seededRandom } from "../harness/random.ts";
import { startServer } from "../harness/server.ts";
import { pause, range } from "../harness/util.ts";
import { Clock } from "./clock.ts";
import { type Fate, FlakyProxy } from "./flaky_proxy.ts";
import {
  becomes,
  eventually,
  failureOf,
  heard,
  losing,
  open,
  type OpenClient,
  said,
  told,
} from "./open.ts";

/** What the server allows so that only the connections limit the conversation. */
const ROOMY = { RATE_LIMIT: "100000", RATE_BURST: "100000", HISTORY_LIMIT: "100000" };
/** How many messages of a client wait for their answers at a time. */
const LANES = 8;
const ANSWERS = ["a", "b", "c"];

/** A client that talks, and what it is told. */
class Talker implements Disposable {
  readonly client: OpenClient;
  readonly offsets: number[] = [];
  readonly texts: unknown[] = [];
  readonly counters: { value: string }[];
  readonly polls: { stats: { [answer: string]: number } }[];
  /** What it has said, which has been acknowledged. */
  readonly spoken: string[] = [];
  tenths = 0;
  votes = 0;
  vote: string | undefined;
  #stopped = false;

  constructor(readonly name: string, server: { url: string }) {
    this.client = open(server, { session: name });
    this.counters = told(this.client, "counter:c");
    this.polls = told(this.client, "poll:p");
    this.client.subscribe("chat", ({ message }, { offset }) => {
      this.texts.push(message);
      this.offsets.push(Number(offset));
    });
  }

  /** Talks, counts and votes until it is stopped, and resolves when all has been answered. */
  async talk(random: Random): Promise<void> {
    const voting = async (): Promise<void> => {
      for (; !this.#stopped; await pause(random.below(10))) {
        this.vote = random.pick(ANSWERS);
        await this.client.vote("p", this.vote);
        this.votes++;
      }
    };
    const talking = async (lane: number): Promise<void> => {
      for (let i = 0; !this.#stopped; i++, await pause(random.below(20))) {
        const text = `${this.name} ${lane} ${i}`;
        await this.client.chat(text);
        this.spoken.push(text);
        await this.client.counter("c", 0.1);
        this.tenths++;
      }
    };
    await Promise.all([voting(), ...range(1, LANES).map(talking)]);
  }

  stop(): void {
    this.#stopped = true;
  }

  [Symbol.dispose](): void {
    this.client.close();
  }
}

/** Checks that nothing was lost, doubled or out of order, for whoever was there. */
async function checkAll(talkers: readonly Talker[]): Promise<void> {
  const spoken = talkers.flatMap((talker) => talker.spoken);
  const tenths = talkers.reduce((sum, talker) => sum + talker.tenths, 0);
  const value = String(Math.round(tenths) / 10);
  const stats: { [answer: string]: number } = {};
  for (const { vote } of talkers) stats[vote!] = (stats[vote!] ?? 0) + 1;
  for (const { name, texts, offsets, counters, polls } of talkers) {
    await eventually(() => texts.length >= spoken.length, () => [name, texts.length]);
    assertEquals(offsets, range(1, spoken.length), `${name} saw each once, in order`);
    assertEquals(new Set(texts), new Set(spoken), name);
    await eventually(() => counters.at(-1)?.value === value, () => [name, counters.at(-1), value]);
    const sorted = JSON.stringify(Object.entries(stats).sort());
    await eventually(
      () => JSON.stringify(Object.entries(polls.at(-1)?.stats ?? {}).sort()) === sorted,
      () => [name, polls.at(-1), stats],
    );
  }
  assertEquals(talkers.map(({ texts }) => texts), talkers.map(() => talkers[0]!.texts));
}

Deno.test({
  name:
    "over connections that cut, stall, tear and overtake, nothing is lost, doubled or misplaced",
  // The runtime never tells the end of a connection that is cut in its upgrade.
  sanitizeOps: false,
  sanitizeResources: false,
  fn: async () => {
    const random = seededRandom("flaky");
    const { random: share } = Math;
    // Waits between attempts are random shares, too: tiny ones, lest they grow to half a minute.
    Math.random = () => random.below(100) / 100_000;
    try {
      await using server = await startServer(ROOMY);
      await using proxy = new FlakyProxy(server.port);
      const talkers = range(1, 4).map((n) => new Talker(`talker-${n}`, proxy));
      await Promise.all(talkers.map(({ client }) => client.profile()));
      const fates: Fate[] = ["cut", "late", "late", "tear", "tear", 100, 30, 5];
      proxy.fate = () => random.below(40) > 0 ? "pass" : random.pick(fates);
      const talking = talkers.map((talker) => talker.talk(random));
      for (let part = 0; part < 6; part++) {
        await pause(300 + random.below(400));
        // From time to time all at once, as when a network goes.
        proxy.cut();
      }
      for (const talker of talkers) talker.stop();
      proxy.fate = () => "pass";
      await Promise.all(talking);
      await checkAll(talkers);
      const { accepted, late } = proxy;
      assert(accepted > 20 && late > 0, `${accepted} connections, ${late} late`);
      const { length } = talkers[0]!.texts;
      console.log(`${length} messages over ${accepted} connections, ${late} overtaken`);
      for (const talker of talkers) talker.client.close();
    } finally {
      Math.random = share;
    }
  },
});

Deno.test("over restarts, asked for and by force, nothing is lost or doubled", async () => {
  const random = seededRandom("restarts");
  const directory = await Deno.makeTempDir();
  const server = await ServerProcess.start({
    ...ROOMY,
    KV_PATH: `${directory}/kv.sqlite3`,
    LOG_LEVEL: "error",
  });
  {
    using clock = new Clock();
    const url = `http://127.0.0.1:${server.port}`;
    const talkers = range(1, 3).map((n) => new Talker(`talker-${n}`, { url }));
    const draining = talkers.map(({ client }) => heard(client, "draining"));
    await Promise.all(talkers.map(({ client }) => client.profile()));
    const talking = talkers.map((talker) => talker.talk(random));
    await eventually(() => talkers.every(({ spoken }) => spoken.length > 20));
    await server.end("SIGTERM");
    await eventually(() => talkers.every(({ client }) => client.getStatus() === "CONNECTING"));
    const waits = draining.map(([message]) => (message!.data as { retry_ms: number }).retry_ms);
    assertEquals(waits.filter((wait) => !clock.begun.includes(wait)), []);
    await server.run();
    const before = talkers.map(({ spoken }) => spoken.length);
    await eventually(() => talkers.every(({ spoken }, i) => spoken.length > before[i]! + 20));
    await server.end("SIGKILL");
    await server.run();
    await eventually(() => talkers.every(({ client }) => client.isConnected));
    for (const talker of talkers) talker.stop();
    await Promise.all(talking);
    await checkAll(talkers);
    for (const talker of talkers) talker.client.close();
  }
  await server.end("SIGTERM");
  await Deno.remove(directory, { recursive: true });
});

Deno.test("a connection on which nothing comes any more is given up", async () => {
  await using server = await startServer();
  await using proxy = new FlakyProxy(server.port);
  using clock = new Clock(60_000);
  using ann = open(proxy);
  const texts = said(ann);
  await ann.chat("before");
  await eventually(() => texts.length === 1);
  proxy.fate = () => "stall";
  const lost = ann.chat("on its way");
  await using other = await server.connect("room=r");
  await other.ask({ type: "chat", data: "unheard" });
  proxy.fate = () => "pass";
  assertEquals([ann.getStatus(), texts, proxy.accepted], ["ONLINE", ["before"], 1]);
  clock.pass();
  assertEquals(await lost, { offset: "3" });
  await eventually(() => texts.length === 3);
  assertEquals(texts, ["before", "unheard", "on its way"]);
});

Deno.test("after an end that is final it says so, and does not come back", async () => {
  await using server = await startServer();
  await using proxy = new FlakyProxy(server.port);
  using ann = open(proxy);
  const errors = heard(ann, "error");
  const wrong = authentication("r", Date.now(), "wrong");
  const refused = range(1, 5).map(() => failureOf(ann.send(wrong)));
  for (const { error } of await Promise.all(refused)) {
    assertEquals(error.code, "authentication_failed");
  }
  await becomes(ann, "OFFLINE");
  const { code, message } = errors[0]!.data as { code: string; message: string };
  assertEquals([errors.length, code], [1, "closed"]);
  assertEquals(message, "too many failed authentications");
  const { error } = await failureOf(ann.chat("more"));
  assertEquals([error.code, error.message], ["closed", message]);
  globalThis.dispatchEvent(new Event("online"));
  await (await server.connect()).close();
  assertEquals(proxy.accepted, 1);
});

Deno.test("a hundred messages wait for a connection, and no more", async () => {
  await using server = await startServer();
  await using proxy = new FlakyProxy(server.port);
  proxy.fate = () => "cut";
  using ann = open(proxy);
  const texts = said(ann);
  const waiting = range(1, 100).map((n) => ann.chat(n));
  const { error, retry } = await failureOf(ann.chat(101));
  assertEquals(error.code, "overflow");
  await eventually(() => proxy.accepted > 1);
  assertEquals((await failureOf(retry())).error.code, "overflow");
  proxy.fate = () => "pass";
  const offsets = await Promise.all(waiting);
  assertEquals(offsets, range(1, 100).map((n) => ({ offset: String(n) })));
  assertEquals(await retry(), { offset: "101" });
  await eventually(() => texts.length === 101);
  assertEquals(texts, range(1, 101));
});

Deno.test("it comes back at once when the browser is online again", async () => {
  await using server = await startServer();
  await using proxy = new FlakyProxy(server.port);
  const { random } = Math;
  Math.random = () => 1;
  // The first wait, which nothing but the event ends.
  using _clock = new Clock(250);
  try {
    using ann = open(proxy);
    await ann.ready;
    await losing(ann, () => proxy.cut());
    globalThis.dispatchEvent(new Event("online"));
    await becomes(ann, "ONLINE");
  } finally {
    Math.random = random;
  }
});

Deno.test("a subscription that the server cannot serve now is tried again", async () => {
  await using server = await startServer();
  using ann = open(server);
  const errors = heard(ann, "error");
  for (const text of ["a", "b"]) await ann.chat(text);
  const { past } = server.server.backend;
  const { read } = past;
  let failed = 0;
  past.read = () => {
    if (++failed === 2) past.read = read;
    throw new ProtocolError("unavailable", "Not now.");
  };
  using clock = new Clock(1000);
  const texts = said(ann, { since: "1" });
  for (const times of [1, 2]) {
    await eventually(() => failed === times);
    await ann.profile();
    await ann.chat(times);
    clock.pass();
  }
  await eventually(() => texts.length === 3, () => texts);
  assertEquals([texts, errors], [["b", 1, 2], []]);
});

Deno.test("who comes back to another life of the log is told that something is missing", async () => {
  await using proxy = new FlakyProxy(0);
  using ann = open(proxy, { session: "ann" });
  const texts = said(ann);
  const missing = heard(ann, "incomplete");
  {
    await using server = await startServer();
    proxy.targetPort = server.port;
    for (const text of ["old 1", "old 2"]) await ann.chat(text);
    await eventually(() => texts.length === 2);
  }
  await using server = await startServer();
  await using ben = await server.connect("room=r");
  await ben.ask({ type: "chat", data: "new 1" });
  // As when the server restarts, and its store is another one.
  proxy.targetPort = server.port;
  await ben.ask({ type: "chat", data: "new 2" });
  await eventually(() => texts.length === 4);
  assertEquals(texts, ["old 1", "old 2", "new 1", "new 2"]);
  assertEquals(missing.map(({ data }) => data), [
    { event: "chat", replayed: 2, complete: false },
  ]);
  proxy.cut();
  await ben.ask({ type: "chat", data: "new 3" });
  await eventually(() => texts.length === 5);
  assertEquals(missing.length, 1);
});
