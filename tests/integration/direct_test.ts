import { assert, assertEquals } from "@std/assert";
import { SignJWT } from "jose";
import type { Received, TestClient } from "../harness/client.ts";
import { Denokv, denokvProgram } from "../harness/denokv.ts";
import { ServerProcess } from "../harness/process.ts";
import { type Random, seededRandom } from "../harness/random.ts";
import { startServer, type TestServer } from "../harness/server.ts";
import { onEveryStore } from "../harness/stores.ts";
import { pause, range } from "../harness/util.ts";

const SECRET = "a secret of the tests, of thirty-two bytes or more";
const ENVIRONMENT = {
  JWT_SECRET: SECRET,
  RATE_LIMIT: "100000",
  RATE_BURST: "100000",
  LEASE_SECONDS: "2",
};

interface Answer {
  readonly status: number;
  readonly body: Received;
}

/** Where requests go to. */
interface Place {
  readonly url: string;
}

/** Somebody who writes direct messages. */
class User {
  private constructor(readonly id: string, readonly token: string) {}

  /** @param claims what the token says, at least who it is for. */
  static async of(claims: { sub?: string; user_id?: unknown; [name: string]: unknown }) {
    const key = new TextEncoder().encode(SECRET);
    const jwt = new SignJWT(claims).setProtectedHeader({ alg: "HS256" });
    return new User(String(claims.sub ?? claims.user_id), await jwt.sign(key));
  }

  /** Asks `METHOD /path` under `/api`. */
  async ask({ url }: Place, what: string, body?: unknown, key?: string): Promise<Answer> {
    const [method, path] = what.split(" ");
    const headers = new Headers({ "X-Auth-Token": this.token });
    if (key !== undefined) headers.set("Idempotency-Key", key);
    const response = await fetch(`${url}/api${path}`, {
      method,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    return { status: response.status, body: await response.json() };
  }

  /** Asks for what is not refused, and resolves to the answer's body. */
  async get(place: Place, path: string): Promise<Received> {
    return (await this.#done(place, `GET ${path}`)).body;
  }

  /** Sends a text to `user/…` or `topic/…`, and resolves to its entry. */
  async say(place: Place, to: string, text: string, key?: string): Promise<Received> {
    const { status, body } = await this.#done(place, `POST /${to}`, { type: "text", text }, key);
    assertEquals(status, 201);
    return body.entry;
  }

  async edit(place: Place, to: string, id: string, edit: unknown): Promise<Received> {
    return (await this.#done(place, `POST /${to}/${id}`, edit)).body.entry;
  }

  async delete(place: Place, to: string, id: string): Promise<void> {
    const { body } = await this.#done(place, `DELETE /${to}/${id}`);
    assertEquals([body.success, body.message], ["true", "Message deleted"]);
  }

  /** Asks for what is refused, and resolves to the error's status and code. */
  async refusal(place: Place, what: string, body?: unknown): Promise<[number, string]> {
    const answer = await this.ask(place, what, body);
    assertEquals([answer.body.error, answer.body.status], [true, answer.status]);
    return [answer.status, answer.body.code];
  }

  /** The texts of a thread's newest page. */
  async texts(place: Place, thread: string): Promise<string[]> {
    const { state, messages } = await this.get(place, `/${thread}?per_page=100`);
    assertEquals(state.total, messages.length);
    return messages.map(({ text }: { text: string }) => text);
  }

  /** Of each thread in the inbox what it is called and what its latest message says. */
  async inbox(place: Place): Promise<string[]> {
    const { state, entries } = await this.get(place, "/list?per_page=100");
    assertEquals(state.total, entries.length);
    return entries.map(({ type, id, latest }: Received) => {
      return `${type}/${id}: ${latest.text ?? latest.image}`;
    });
  }

  async #done(place: Place, what: string, body?: unknown, key?: string): Promise<Answer> {
    const answer = await this.ask(place, what, body, key);
    assert(answer.status < 300, `${what}: ${JSON.stringify(answer.body)}`);
    return answer;
  }
}

const named = (...ids: string[]): Promise<User[]> => {
  return Promise.all(ids.map((sub) => User.of({ sub })));
};

/** A clock that shows a new time whenever it is asked: no two messages are of one time. */
function ticking(): { now: () => number } {
  let time = Date.now();
  return { now: () => time = Math.max(time + 1, Date.now()) };
}

onEveryStore("direct messages as in their source's own text", async (start) => {
  await using server = await start(ENVIRONMENT);
  const ann = await User.of({ user_id: 388636, username: "Ann", role: { id: 3 } });
  const ben = await User.of({ user_id: 524376, username: "Ben", email: "ben@example.com" });
  await ben.get(server, "");
  const sent = await ann.ask(server, "POST /user/524376", { type: "text", text: "Hello, world!" });
  assertEquals(sent.status, 201);
  const { id, timestamp } = sent.body.entry;
  const state = { key: "tallyroom:dm:388636-524376", inbox_key: "user-524376" };
  const entry = { id, author: 388636, timestamp, type: "text", text: "Hello, world!" };
  assertEquals(sent.body, { state, entry });
  assertEquals(timestamp.iso, new Date(timestamp.epoch).toISOString());

  const edited = await ann.ask(server, `POST /user/524376/${id}`, { text: "😢" });
  assertEquals(edited, { status: 200, body: { state, entry: { ...entry, text: "😢" } } });
  const paging = { page: 1, per_page: 10, total: 1, total_pages: 1 };
  const people = {
    ann: { id: 388636, username: "Ann", role: { id: 3 } },
    ben: { id: 524376, username: "Ben" },
  };
  assertEquals(await ben.get(server, "/user/388636"), {
    state: { key: state.key, ...paging },
    messages: [{ ...entry, text: "😢", author: people.ann }],
  });
  const [mine, theirs] = await Promise.all([ann, ben].map((user) => user.get(server, "/list")));
  const latest = { ...entry, text: "😢" };
  assertEquals(mine, {
    state: { key: "tallyroom:inbox:388636", ...paging },
    entries: [{ type: "user", id: 524376, latest, timestamp, user: people.ben }],
  });
  assertEquals(theirs.entries, [
    { type: "user", id: 388636, latest, timestamp, user: people.ann },
  ]);
  const deleted = await ann.ask(server, `DELETE /user/524376/${id}`);
  const success = { message: "Message deleted", success: "true" };
  assertEquals(deleted, { status: 200, body: { state, ...success } });
});

onEveryStore("threads and inboxes are read in pages", async (start) => {
  await using server = await start(ENVIRONMENT, ticking());
  const [ann, ben] = await named("ann", "ben") as [User, User];
  const ids: string[] = [];
  let texts: string[] = [];
  for (const n of range(1, 23)) {
    const author = n % 3 ? ann : ben;
    ids.push((await author.say(server, `user/${n % 3 ? "ben" : "ann"}`, String(n))).id);
    texts.push(String(n));
  }
  const checkPages = async (): Promise<void> => {
    for (const [page, size] of [[1, 10], [2, 10], [3, 10], [4, 10], [1, 100], [23, 1]] as const) {
      const end = Math.max(0, texts.length - (page - 1) * size);
      const wanted = texts.slice(Math.max(0, end - size), end);
      for (const name of ["per_page", "limit"]) {
        const path = `/user/ben?page=${page}&${name}=${size}`;
        const { state, messages } = await ann.get(server, path);
        assertEquals(messages.map(({ text }: Received) => text), wanted, path);
        const { key: _, ...paging } = state;
        const total_pages = Math.ceil(texts.length / size);
        assertEquals(paging, { page, per_page: size, total: texts.length, total_pages });
      }
    }
    assertEquals((await ben.get(server, "/user/ann")).messages.length, 10);
  };
  await checkPages();
  for (const n of [23, 1, 11, 12, 14, 22]) {
    await (n % 3 ? ann : ben).delete(server, `user/${n % 3 ? "ben" : "ann"}`, ids[n - 1]!);
    texts = texts.filter((text) => text !== String(n));
  }
  await checkPages();
  await ann.say(server, "user/ben", "24");
  texts.push("24");
  await checkPages();

  const [hub] = await named("hub") as [User];
  for (const n of range(1, 12)) await hub.say(server, `user/${n}`, `to ${n}`);
  for (const [page, wanted] of [[1, [12, 11, 10, 9, 8]], [3, [2, 1]], [4, []]] as const) {
    const { state, entries } = await hub.get(server, `/list?page=${page}&limit=5`);
    assertEquals(entries.map(({ id }: Received) => id), wanted);
    assertEquals([state.page, state.per_page, state.total, state.total_pages], [page, 5, 12, 3]);
  }
  const { state, entries } = await (await named("nobody"))[0]!.get(server, "/list");
  assertEquals([state.total, state.total_pages, entries], [0, 1, []]);
});

onEveryStore("an inbox goes by the latest messages there are", async (start) => {
  await using server = await start({ ...ENVIRONMENT, MAX_TOPIC_MEMBERS: "2" }, ticking());
  const [ann, ben, cay] = await named("ann", "ben", "cay") as [User, User, User];
  const first = await ann.say(server, "user/ben", "1");
  const second = await ben.say(server, "user/ann", "2");
  const other = await cay.say(server, "user/ann", "3");
  assertEquals(await ann.inbox(server), ["user/cay: 3", "user/ben: 2"]);
  await ben.edit(server, "user/ann", second.id, { text: "two" });
  assertEquals(await ann.inbox(server), ["user/cay: 3", "user/ben: two"]);
  const third = await ann.say(server, "user/ben", "4");
  assertEquals(await ann.inbox(server), ["user/ben: 4", "user/cay: 3"]);
  await ann.delete(server, "user/ben", third.id);
  assertEquals(await ann.inbox(server), ["user/cay: 3", "user/ben: two"]);
  await ann.delete(server, "user/ben", first.id);
  assertEquals(await ben.inbox(server), ["user/ann: two"]);
  await ben.delete(server, "user/ann", second.id);
  await cay.delete(server, "user/ann", other.id);
  assertEquals(await Promise.all([ann, ben, cay].map((user) => user.inbox(server))), [[], [], []]);
  assertEquals(await ann.texts(server, "user/ben"), []);
  await ben.say(server, "user/ann", "5");
  assertEquals(await ann.inbox(server), ["user/ben: 5"]);

  // A topic is in the inbox of those who have written on it; anybody may read it.
  const told = await ann.say(server, "topic/ben", "6");
  assertEquals([
    await ann.inbox(server),
    await ben.inbox(server),
    await cay.texts(server, "topic/ben"),
  ], [
    ["topic/ben: 6", "user/ben: 5"],
    ["user/ann: 5"],
    ["6"],
  ]);
  const answer = await ben.say(server, "topic/ben", "7");
  assertEquals(await ben.inbox(server), ["topic/ben: 7", "user/ann: 5"]);
  assertEquals(await cay.refusal(server, "POST /topic/ben", { type: "text", text: "8" }), [
    429,
    "LIMIT_EXCEEDED",
  ]);
  await ann.say(server, "topic/ben", "9");
  await ben.delete(server, "topic/ben", answer.id);
  await ann.delete(server, "topic/ben", told.id);
  assertEquals(await ben.inbox(server), ["topic/ben: 9", "user/ann: 5"]);
  assertEquals(await cay.inbox(server), []);
});

onEveryStore("what is whose, in which thread", async (start) => {
  await using server = await start(ENVIRONMENT, ticking());
  const [ann, ben, cay] = await named("ann", "ben", "cay") as [User, User, User];
  const { id } = await ann.say(server, "user/ben", "hello");
  const { entry: image } = (await ann.ask(server, "POST /user/ben", {
    type: "image",
    image: "https://example.com/1.png",
  })).body;
  assertEquals([image.type, image.image], ["image", "https://example.com/1.png"]);
  assertEquals(await ben.inbox(server), ["user/ann: https://example.com/1.png"]);
  const changed = "https://example.com/2.png";
  assertEquals((await ann.edit(server, "user/ben", image.id, { image: changed })).image, changed);
  assertEquals(await ann.refusal(server, `POST /user/ben/${image.id}`, { text: "x" }), [
    400,
    "INVALID_MESSAGE",
  ]);

  const forbidden = [403, "NOT_ALLOWED"] as [number, string];
  const missing = [404, "NOT_FOUND"] as [number, string];
  const seen = { status: "seen" };
  assertEquals(await ben.refusal(server, `POST /user/ann/${id}`, { text: "bye" }), forbidden);
  assertEquals(
    await ben.refusal(server, `POST /user/ann/${id}`, { ...seen, text: "x" }),
    forbidden,
  );
  assertEquals(await ben.refusal(server, `DELETE /user/ann/${id}`), forbidden);
  assertEquals(await ann.refusal(server, `POST /user/ben/${id}`, seen), forbidden);
  // Where it is not: in their thread with another, in another's with them, on a topic.
  for (
    const [user, thread] of [[ann, "user/cay"], [cay, "user/ann"], [ann, "topic/ben"]] as const
  ) {
    assertEquals(await user.refusal(server, `POST /${thread}/${id}`, seen), missing);
    assertEquals(await user.refusal(server, `DELETE /${thread}/${id}`), missing);
  }
  assertEquals(await ann.texts(server, "user/ben"), ["hello", undefined as unknown as string]);

  assertEquals((await ben.edit(server, "user/ann", id, seen)).status, "seen");
  assertEquals((await ann.edit(server, "user/ben", id, { text: "hi" })).status, "seen");
  const [read] = (await ben.get(server, "/user/ann")).messages;
  assertEquals([read.text, read.status], ["hi", "seen"]);
  await ann.delete(server, "user/ben", id);
  assertEquals(await ann.refusal(server, `DELETE /user/ben/${id}`), missing);
  assertEquals(await ann.refusal(server, `POST /user/ben/${id}`, { text: "x" }), missing);

  // The same number, as text or not, is the same user; a thread with oneself is in one inbox once.
  const [number, text] = [await User.of({ user_id: 7 }), await User.of({ sub: "7" })];
  await number.say(server, "user/ann", "one");
  await text.say(server, "user/7", "note");
  const note = (await number.get(server, "/list")).entries[0];
  assertEquals([note.id, note.latest.author, note.latest.text], [7, 7, "note"]);
  assertEquals(await number.inbox(server), ["user/7: note", "user/ann: one"]);
  assertEquals(await text.texts(server, "user/ann"), ["one"]);
  await number.delete(server, "user/7", note.latest.id);
  assertEquals(await text.inbox(server), ["user/ann: one"]);
});

onEveryStore("users are told of as their tokens last said", async (start) => {
  await using server = await start(ENVIRONMENT);
  const [ann] = await named("ann") as [User];
  const person = async (place: Place): Promise<Received> => {
    return (await ann.get(place, "/list")).entries[0].user;
  };
  await ann.say(server, "user/7", "hello");
  assertEquals(await person(server), { id: 7 });
  for (const name of ["Ben", "Benjamin"]) {
    await (await User.of({ user_id: 7, name, phone: "1" })).get(server, "/list");
    assertEquals(await person(server), { id: 7, name });
  }
  // A topic may be called as a user is, which makes it nobody.
  await ann.say(server, "topic/7", "on seven");
  const { entries } = await ann.get(server, "/list");
  assertEquals(entries.find(({ type }: Received) => type === "topic").topic, { id: 7 });
});

onEveryStore("users are told of as a token last said to any server", async (start) => {
  let passed = 0;
  const now = () => Date.now() + passed;
  await using first = await start(ENVIRONMENT, { now });
  await using second = await start(ENVIRONMENT, { now });
  const [ann] = await named("ann") as [User];
  await ann.say(first, "user/ben", "hello");
  for (const [place, name] of [[first, "Ben"], [second, "Benjamin"], [first, "Ben"]] as const) {
    // A token that has held is believed for a minute without another look.
    passed += 60_000;
    await (await User.of({ sub: "ben", name })).get(place, "/list");
    const { user } = (await ann.get(second, "/list")).entries[0];
    assertEquals(user, { id: "ben", name });
  }
}, { durable: true });

Deno.test("users are told of as resolveUsers says, if it does", async () => {
  const asked: (readonly string[])[] = [];
  let fails = false;
  await using server = await startServer(ENVIRONMENT, {
    resolveUsers: (ids) => {
      asked.push(ids);
      if (fails) throw new Error("the users are away");
      return Promise.resolve([{ id: 7, name: "Seven" }]);
    },
  });
  const ann = await User.of({ sub: "ann", name: "not asked" });
  for (const to of ["user/7", "user/ben", "user/7"]) await ann.say(server, to, "hello");
  const people = async (): Promise<unknown[]> => {
    const { entries } = await ann.get(server, "/list");
    const { messages } = await ann.get(server, "/user/7");
    return [
      ...entries.map(({ user }: Received) => user).toSorted((a: Received) => a.id === 7 ? -1 : 1),
      ...messages.map(({ author }: Received) => author),
    ];
  };
  assertEquals(await people(), [
    { id: 7, name: "Seven" },
    { id: "ben" },
    { id: "ann" },
    { id: "ann" },
  ]);
  assertEquals(asked.map((ids) => ids.toSorted()), [["7", "ben"], ["ann"]]);
  fails = true;
  assertEquals(await people(), [{ id: 7 }, { id: "ben" }, { id: "ann" }, { id: "ann" }]);
});

onEveryStore("with a key it is sent once, however often", async (start) => {
  await using server = await start(ENVIRONMENT);
  const [ann, ben] = await named("ann", "ben") as [User, User];
  const sendings = await Promise.all(
    range(1, 10).map((n) => {
      return ann.say(server, "user/ben", `try ${n}`, "k");
    }),
  );
  const again = await ann.say(server, "user/ben", "late", "k");
  assertEquals(new Set([...sendings, again].map(({ id }) => id)).size, 1);
  assertEquals(new Set([...sendings, again].map(({ text }) => text)).size, 1);
  assertEquals((await ann.texts(server, "user/ben")).length, 1);
  // Keys are each user's own.
  await ben.say(server, "user/ann", "mine", "k");
  await ann.say(server, "user/ben", "another", "l");
  assertEquals((await ben.texts(server, "user/ann")).slice(1), ["mine", "another"]);
});

onEveryStore("with a key it may say all that it may without", async (start) => {
  await using server = await start(ENVIRONMENT);
  const [ann] = await named("ann") as [User];
  for (const text of ["\u0001".repeat(10_915), "☃" + '"'.repeat(16_381)]) {
    const once = `key ${text.length}`;
    for (const key of [undefined, once, once]) {
      assertEquals((await ann.say(server, "user/ben", text, key)).text, text);
      assertEquals(server.store.away, false);
    }
    assertEquals((await ann.texts(server, "user/ben")).length, 2);
    for (const { id } of (await ann.get(server, "/user/ben")).messages) {
      await ann.delete(server, "user/ben", id);
    }
  }
});

Deno.test("a topic takes as many who write on it as the settings allow", async () => {
  await using server = await startServer({ ...ENVIRONMENT, MAX_TOPIC_MEMBERS: "120" });
  // Such ids take the most room in the store.
  const users = await named(...range(1, 121).map((n) => `☃${n}`.padEnd(254, "x")));
  for (const user of users.slice(0, 120)) await user.say(server, "topic/t", "here");
  const message = { type: "text", text: "me, too" };
  assertEquals((await users[120]!.refusal(server, "POST /topic/t", message))[0], 429);
  assertEquals((await users[0]!.inbox(server)).length, 1);
});

/** The ways by which isolates hear of each other: the store alone, or the process's channel, too. */
const WAYS = {
  "by the store": { openChannel: () => undefined },
  "by the channel": {},
};

/** One test for servers on one store: two for sockets, and one that nobody is connected to. */
function onThreeServers(name: string, test: (servers: TestServer[]) => Promise<void>): void {
  for (const [way, options] of Object.entries(WAYS)) {
    onEveryStore(`${name}, ${way}`, async (start) => {
      await using first = await start(ENVIRONMENT, options);
      await using second = await start(ENVIRONMENT, options);
      await using third = await start(ENVIRONMENT, options);
      await test([first, second, third]);
    }, { durable: true });
  }
}

onThreeServers("users are told once on each of their sockets, wherever", async (servers) => {
  const [first, second] = servers as [TestServer, TestServer];
  const [ann, ben, cay] = await named("ann", "ben", "cay") as [User, User, User];
  await using ann1 = await first.connect(`room=a&token=${ann.token}`);
  await using ann2 = await second.connect(`room=b&token=${ann.token}`);
  await using ben2 = await second.connect(`room=c&token=${ben.token}`);
  await using cay2 = await second.connect(`room=a&token=${cay.token}`);
  await connected(first, 4);
  const clients = [ann1, ann2, ben2, cay2];
  const told: Received[][] = [[], [], [], []];
  const check = async (type: string, data: unknown, states: unknown[]): Promise<void> => {
    states.forEach((state, i) => state && told[i]!.push({ type, data, state }));
    await arrived(clients, told);
  };

  for (const place of servers) {
    const key = "tallyroom:dm:ann-ben";
    const [toAnn, toBen] = [{ key, inbox_key: "user-ben" }, { key, inbox_key: "user-ann" }];
    const states = [toAnn, toAnn, toBen, undefined];
    const entry = await ann.say(place, "user/ben", "hello", crypto.randomUUID());
    await check("new-message", entry, states);
    const seen = await ben.edit(place, "user/ann", entry.id, { status: "seen" });
    await check("update-message", seen, states);
    await ann.delete(place, "user/ben", entry.id);
    await check("delete-message", { id: entry.id }, states);
    const note = await ann.say(place, "user/ann", "note");
    const own = { key: "tallyroom:dm:ann-ann", inbox_key: "user-ann" };
    await check("new-message", note, [own, own, undefined, undefined]);
    await ben.refusal(place, `DELETE /user/ann/${entry.id}`);
  }
});

onThreeServers("those who write on a topic are told from their first word on", async (servers) => {
  const [first, second, third] = servers as [TestServer, TestServer, TestServer];
  const [ann, ben] = await named("ann", "ben") as [User, User];
  await using ann1 = await first.connect(`token=${ann.token}`);
  await using ben2 = await second.connect(`token=${ben.token}`);
  await connected(first, 2);
  const state = { key: "tallyroom:topic:t", inbox_key: "topic-t" };
  const said: Received[] = [];
  // Ben's first word is said where he is not connected.
  for (const user of [ann, ben, ann]) {
    said.push({ type: "new-message", data: await user.say(third, "topic/t", "hello"), state });
  }
  await ann.say(third, "user/ben", "that was all");
  const told = await Promise.all([ann1, ben2].map(async (client) => {
    await client.find(({ data }) => data?.text === "that was all");
    return client.all("new-message").slice(0, -1);
  }));
  assertEquals(told, [said, said.slice(1)]);
});

for (const from of ["one server", "every server"]) {
  // Who hears of several servers may hear of one before another: the ids tell the order.
  const order = from === "one server" ? ", in its order" : "";
  onThreeServers(`a thread is told once${order}, sent from ${from}`, async (servers) => {
    const [first, second, third] = servers as [TestServer, TestServer, TestServer];
    const [ann, ben] = await named("ann", "ben") as [User, User];
    await using ann1 = await first.connect(`token=${ann.token}`);
    await using ann2 = await second.connect(`token=${ann.token}`);
    await using ben2 = await second.connect(`token=${ben.token}`);
    await connected(first, 3);
    const places = from === "one server" ? [third] : servers;
    await Promise.all(places.flatMap((place) =>
      range(1, 3).map(async () => {
        for (const n of range(1, 5)) {
          await ann.say(place, "user/ben", String(n));
          await ben.say(place, "user/ann", String(n));
        }
      })
    ));
    const { state, messages } = await ann.get(first, "/user/ben?per_page=100");
    assertEquals(state.total, places.length * 30);
    const ids = messages.map(({ id }: Received) => id);
    for (const client of [ann1, ann2, ben2]) {
      await client.find(() => client.all("new-message").length >= ids.length);
      await client.settled();
      const told = client.all("new-message").map(({ data }) => ids.indexOf(data.id));
      assertEquals(told.toSorted((a, b) => a - b), range(0, ids.length - 1), "once each");
      if (order) assertEquals(told, range(0, ids.length - 1), "in order");
    }
  });
}

/** Waits until as many connections can be found by others. */
async function connected({ store }: TestServer, connections: number): Promise<void> {
  while ((await store.list({ prefix: ["at", "client"] }, { limit: 100 })).length < connections) {
    await pause(5);
  }
}

/** Waits until each of `clients` has been told exactly what is expected of direct messages. */
async function arrived(clients: readonly TestClient[], expected: Received[][]): Promise<void> {
  await Promise.all(clients.map(async (client, i) => {
    const told = (): Received[] => client.messages.filter(({ type }) => type.endsWith("-message"));
    await client.find(() => told().length >= expected[i]!.length);
    await client.settled();
    assertEquals(told(), expected[i]);
  }));
}

/** A message as its author's requests leave it. */
interface Modelled {
  readonly id: string;
  readonly thread: string;
  readonly author: string;
  text: string;
  seen: boolean;
  /** When it was answered that it has been sent. */
  readonly sentBy: number;
  deleting: boolean;
  /** When it was answered that it has been deleted. */
  deletedBy: number;
}

const USERS = ["1", "2", "x", "y"];
const PATHS = [...USERS.map((id) => `user/${id}`), "topic/1", "topic/t"];

/** What must come of the requests of some users at once. Time is a count of answers. */
class Model {
  readonly messages = new Map<string, Modelled>();
  /** Thread → the ids that readings have shown. */
  readonly #shown = new Map<string, Set<string>>();
  #time = 0;

  constructor(readonly servers: readonly TestServer[], readonly random: Random) {}

  /** Does things at random, one after the other; edits and deletes what it has sent itself. */
  async act(user: User, count: number): Promise<void> {
    const own: Modelled[] = [];
    for (let i = 0; i < count; i++) {
      const place = this.random.pick(this.servers);
      const choice = this.random.below(10);
      const mine = own[own.length - 1 - this.random.below(4)];
      if (choice === 0) {
        await this.#see(place, user);
      } else if (choice < 5 && mine) {
        const path = pathOf(mine.thread, user.id);
        if (choice === 1) {
          mine.text = `edited ${i}`;
          await user.edit(place, path, mine.id, { text: mine.text });
        } else {
          own.splice(own.indexOf(mine), 1);
          mine.deleting = true;
          await user.delete(place, path, mine.id);
          mine.deletedBy = ++this.#time;
        }
      } else {
        const path = this.random.pick(PATHS);
        const text = String(i);
        const { id } = await user.say(place, path, text);
        const message = { id, thread: threadOf(path, user.id), author: user.id, text, seen: false };
        own.push({ ...message, sentBy: ++this.#time, deleting: false, deletedBy: Infinity });
        this.messages.set(id, own.at(-1)!);
      }
    }
  }

  /** Reads a thread or an inbox, and checks that it was so at some time meanwhile. */
  async read(user: User): Promise<void> {
    const place = this.random.pick(this.servers);
    const path = this.random.pick([...PATHS, "list", "list"]);
    const began = this.#time;
    const { state, entries, messages } = await user.get(place, `/${path}?per_page=100`);
    assertEquals((entries ?? messages).length, state.total, `the total of ${path}`);
    const shown = new Map<string, string[]>();
    if (messages) {
      const thread = threadOf(path, user.id);
      const ids = messages.map(({ id }: Received) => id);
      assertEquals(ids, inOrder(ids), `the order of ${path}`);
      for (const { id } of this.#there(thread, began)) assert(ids.includes(id), `${id} is missing`);
      shown.set(thread, ids);
    } else {
      for (const { type, id, latest } of entries) {
        shown.set(threadOf(`${type}/${id}`, user.id), [latest.id]);
      }
      assertEquals(shown.size, entries.length, "a thread is there twice");
      for (const thread of this.#threadsOf(user.id, began)) {
        const newest = inOrder(this.#there(thread, began).map(({ id }) => id)).at(-1);
        const latest = shown.get(thread)?.[0];
        if (newest === undefined) continue;
        assert(latest && numberOf(latest) >= numberOf(newest), `${thread} is not at its latest`);
      }
    }
    for (const [thread, ids] of shown) {
      for (const id of ids) assert(!(this.messages.get(id)?.deletedBy! <= began), `${id} is gone`);
      this.#shown.set(thread, (this.#shown.get(thread) ?? new Set()).union(new Set(ids)));
    }
  }

  /** Checks, when all has been answered, that a server says the same to a user. */
  async check(place: TestServer, user: User): Promise<void> {
    const inbox = new Map<string, string>();
    const threads = this.#threadsOf(user.id, Infinity);
    for (const path of PATHS) {
      const thread = threadOf(path, user.id);
      const there = this.#there(thread, Infinity).map(({ id, text, seen }) => ({ id, text, seen }));
      const ids = inOrder(there.map(({ id }) => id));
      const found: Received[] = [];
      for (let page = 1; page <= Math.ceil(ids.length / 7) + 1; page++) {
        const { state, messages } = await user.get(place, `/${path}?limit=7&page=${page}`);
        assertEquals(state.total, ids.length, path);
        found.unshift(...messages);
      }
      assertEquals(found.map(({ id }) => id), ids, path);
      const said = found.map(({ id, text, status }) => ({ id, text, seen: status === "seen" }));
      assertEquals(new Set(said), new Set(there), path);
      if (ids.length > 0 && threads.has(thread)) inbox.set(path, ids.at(-1)!);
    }
    const { state, entries } = await user.get(place, "/list?per_page=100");
    assertEquals(state.total, inbox.size);
    const listed = entries.map(({ type, id, latest }: Received) => [`${type}/${id}`, latest.id]);
    assertEquals(new Map(listed), inbox);
    const times: number[] = entries.map(({ timestamp }: Received) => timestamp.epoch);
    assertEquals(times, times.toSorted((one, other) => other - one));
    for (const [thread, ids] of this.#shown) {
      for (const id of ids) assertEquals(this.messages.get(id)?.thread, thread, "never sent");
    }
  }

  async #see(place: TestServer, user: User): Promise<void> {
    const others = [...this.messages.values()].filter(({ thread, author }) => {
      return author !== user.id && namesOf(thread).includes(user.id);
    });
    const message = others[others.length - 1 - this.random.below(4)];
    if (!message) return;
    const path = pathOf(message.thread, user.id);
    const { status } = await user.ask(place, `POST /${path}/${message.id}`, { status: "seen" });
    if (status === 200) message.seen = true;
    else assert(status === 404 && message.deleting, `${status} for what is there`);
  }

  /** The messages of a thread that have been there since then. */
  #there(thread: string, then: number): Modelled[] {
    return [...this.messages.values()].filter((message) => {
      return message.thread === thread && message.sentBy <= then && !message.deleting;
    });
  }

  /** The threads that a user has been in since then. */
  #threadsOf(user: string, then: number): Set<string> {
    const messages = [...this.messages.values()].filter(({ thread, author, sentBy }) => {
      return sentBy <= then &&
        (thread.startsWith("topic") ? [author] : namesOf(thread)).includes(user);
    });
    return new Set(messages.map(({ thread }) => thread));
  }
}

/** What the thread is called that a user finds at a path. */
function threadOf(path: string, user: string): string {
  const [kind, id] = path.split("/") as [string, string];
  return kind === "topic" ? path : `user/${[user, id].toSorted().join("/")}`;
}

/** Where a user finds a thread. */
function pathOf(thread: string, user: string): string {
  if (thread.startsWith("topic")) return thread;
  return `user/${namesOf(thread).find((name) => name !== user) ?? user}`;
}

/** Who may say that a thread's messages have been seen. */
function namesOf(thread: string): string[] {
  return thread.startsWith("topic") ? USERS : thread.split("/").slice(1);
}

/** A message's number in its thread, which its id ends with. */
function numberOf(id: string): number {
  return parseInt(id.slice(-12), 16);
}

function inOrder(ids: readonly string[]): string[] {
  return ids.toSorted((one, other) => numberOf(one) - numberOf(other));
}

onEveryStore("whatever many do at once, threads and inboxes agree", async (start) => {
  const random = seededRandom("direct");
  await using first = await start(ENVIRONMENT);
  await using second = await start(ENVIRONMENT);
  const users = await named(...USERS);
  const model = new Model([first, second], random);
  let acting = true;
  const readers = users.map(async (user) => {
    while (acting) await model.read(user);
  });
  const acted = Promise.all(users.flatMap((user) => [model.act(user, 40), model.act(user, 40)]));
  await Promise.all([...readers, acted.finally(() => acting = false)]);
  for (const place of [first, second]) for (const user of users) await model.check(place, user);
}, { durable: true });

onEveryStore("a deletion knows of others, in whichever order the store answers", async (start) => {
  await using first = await start(ENVIRONMENT);
  await using second = await start(ENVIRONMENT);
  const [ann, ben] = await named("ann", "ben") as [User, User];
  const [_, before, last] = [
    await ann.say(second, "user/ben", "1"),
    await ann.say(second, "user/ben", "2"),
    await ann.say(second, "user/ben", "3"),
  ];
  // A store may answer two questions in either order: here it lists what there is at once, and tells
  // single values after the other server's deletion.
  const deleted = Promise.withResolvers<void>();
  const { store } = first;
  const { getMany } = store;
  store.getMany = async (keys) => {
    await deleted.promise;
    return getMany.call(store, keys);
  };
  const deletion = ann.delete(first, "user/ben", last.id);
  // Whether it lists before it has read the rest is up to it.
  await pause(200);
  await ann.delete(second, "user/ben", before.id);
  deleted.resolve();
  await deletion;
  assertEquals(await ben.texts(second, "user/ann"), ["1"]);
  assertEquals(await ben.inbox(second), ["user/ann: 1"]);
}, { durable: true });

Deno.test("killed in a flood of messages, it has lost and doubled none", async () => {
  const random = seededRandom("direct crash");
  const directory = await Deno.makeTempDir();
  const environment = { KV_PATH: `${directory}/kv.sqlite3`, LOG_LEVEL: "error" };
  await using server = await ServerProcess.start({ ...ENVIRONMENT, ...environment });
  const place = { url: `http://127.0.0.1:${server.port}` };
  const users = await named("ann", "ben", "cay");
  const [hub] = await named("hub") as [User];
  const answered = new Map<string, string>();
  const unanswered: { user: User; path: string; text: string }[] = [];
  const send = async (user: User, path: string, text: string): Promise<void> => {
    answered.set(text, (await user.say(place, path, text, text)).id);
  };
  for (const life of range(1, 3)) {
    const flood = users.flatMap((user) =>
      range(1, 8).map(async (lane) => {
        for (let n = 1;; n++) {
          const path = random.pick(["user/hub", "topic/t"]);
          const text = `${life}-${user.id}-${lane}-${n}`;
          try {
            await send(user, path, text);
          } catch (error) {
            // The connection is lost, and nothing else has failed.
            assert(error instanceof TypeError, String(error));
            return unanswered.push({ user, path, text });
          }
        }
      })
    );
    const enough = answered.size + 100 + random.below(100);
    while (answered.size < enough) await pause(1);
    await server.end("SIGKILL");
    await Promise.all(flood);
    await server.run();
    await check();
  }
  for (const { user, path, text } of unanswered) await send(user, path, text);
  assertEquals(await check(), answered.size);
  await server.end("SIGTERM");
  await Deno.remove(directory, { recursive: true });

  /** Checks what there is, and resolves to how many messages that are. */
  async function check(): Promise<number> {
    const topic = await all(hub, "topic/t");
    const threads = await Promise.all(users.map((user) => all(user, "user/hub")));
    const found = [...topic, ...threads.flat()];
    const ids = new Map(found.map(({ id, text }) => [text, id]));
    assertEquals(ids.size, found.length, "a message is there twice");
    for (const [text, id] of answered) assertEquals(ids.get(text), id, `${text} was answered`);
    for (const [i, user] of users.entries()) {
      const { entries } = await user.get(place, "/list");
      const latest = entries.map(({ latest }: Received) => latest.id);
      assertEquals(new Set(latest), new Set([topic.at(-1).id, threads[i]!.at(-1).id]));
    }
    const { state, entries } = await hub.get(place, "/list");
    assertEquals([state.total, entries.length], [3, 3]);
    return found.length;
  }

  async function all(user: User, path: string): Promise<Received[]> {
    const found: Received[] = [];
    for (let page = 1;; page++) {
      const { state, messages } = await user.get(place, `/${path}?per_page=100&page=${page}`);
      found.unshift(...messages);
      if (page < state.total_pages) continue;
      assertEquals(found.length, state.total);
      return found;
    }
  }
});

/** What takes the store away, and brings it back. */
const OUTAGES: Record<string, { away(store: Denokv): unknown; back(store: Denokv): unknown }> = {
  killed: { away: (store) => store.kill(), back: (store) => store.run() },
  silent: { away: (store) => store.pause(), back: (store) => store.resume() },
};

for (const [how, { away, back }] of Object.entries(OUTAGES)) {
  Deno.test({
    name: `with the store ${how}, direct messages are unavailable until it is back`,
    ignore: denokvProgram === undefined,
    // The runtime keeps an HTTP/2 connection to a KV server open after the store is closed.
    sanitizeOps: false,
    sanitizeResources: false,
    fn: async () => {
      await using denokv = await Denokv.start();
      const environment = { ...ENVIRONMENT, KV_URL: denokv.url, KV_TIMEOUT_MS: "300" };
      await using server = await startServer(environment);
      const [ann, ben] = await named("ann", "ben") as [User, User];
      const named7 = await User.of({ sub: "7", name: "Seven" });
      await using socket = await server.connect(`token=${ben.token}`);
      const { id } = await ann.say(server, "user/ben", "before");
      const unavailable = [503, "UNAVAILABLE"];
      const path = "user/ben";
      const messages = range(1, 5).map((n) => ({ type: "text", text: String(n) }));
      const sendAll = (): Promise<Answer[]> => {
        return Promise.all(messages.map((message) => {
          return ann.ask(server, `POST /${path}`, message, message.text);
        }));
      };
      await away(denokv);
      for (const { status, body } of [...await sendAll(), ...await sendAll()]) {
        assertEquals([status, body.code], unavailable);
      }
      for (const what of [`POST /${path}/${id}`, `DELETE /${path}/${id}`]) {
        assertEquals(await ann.refusal(server, what, { text: "x" }), unavailable);
      }
      for (const what of ["GET /list", `GET /${path}`]) {
        assertEquals(await ann.refusal(server, what), unavailable, what);
        assertEquals(await named7.refusal(server, what), unavailable, what);
      }
      await back(denokv);
      let sent = await sendAll();
      while (sent.some(({ status }) => status !== 201)) {
        for (const { status, body } of sent) {
          if (status !== 201) assertEquals(body.code, "UNAVAILABLE");
        }
        await pause(20);
        sent = await sendAll();
      }
      const texts = await ann.texts(server, path);
      assertEquals([texts[0], texts.toSorted()], ["before", ["1", "2", "3", "4", "5", "before"]]);
      assertEquals(await ben.inbox(server), [`user/ann: ${texts.at(-1)}`]);
      await socket.find(() => socket.all("new-message").length === 6);
      await socket.settled();
      assertEquals(socket.all("new-message").map(({ data }) => data.text), texts);
    },
  });
}
