import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { promote } from "../harness/admin.ts";
import type { TestClient } from "../harness/client.ts";
import { seededRandom } from "../harness/random.ts";
import { onEveryStore } from "../harness/stores.ts";
import { range } from "../harness/util.ts";

onEveryStore("a room is greeted, logged into and talked in", async (start) => {
  await using server = await start();
  await using ann = await server.connect("room=talk");
  await using ben = await server.connect("room=talk");
  assertEquals(ann.messages.map(({ type }) => type), ["connection", "config", "profile"]);
  assertEquals(ann.connection.room, "talk");
  assertEquals(ann.connection.root_id, ann.connection.user_id);
  assertEquals(ann.connection.epoch, ben.connection.epoch);
  assertEquals([ann.profile.suffix, ben.profile.suffix], [1, 2]);
  assertEquals(ann.profile.role, "user");

  await ben.ask({ type: "subscribe", data: "chat" });
  ann.send({ type: "login", data: { name: "Ann", _mail: "ann@example.com" } });
  assertEquals((await ann.next("profile")).data.properties._mail, "ann@example.com");
  ann.send({ type: "chat", data: "Chat message goes here :)" });
  const { data, offset } = await ben.next("chat");
  assertEquals(data, {
    message: "Chat message goes here :)",
    user: { suffix: 1, properties: { name: "Ann" } },
  });
  assertEquals(offset, "1");
  // The private property and the session's id, which is a secret, went to nobody else.
  const seen = JSON.stringify(ben.messages);
  assert(!seen.includes("ann@example.com"));
  assert(!seen.includes(ann.profile.id));
});

onEveryStore("a login and what follows it take effect in the order sent", async (start) => {
  await using server = await start();
  await using ann = await server.connect("subscribe=chat");
  // All in one burst: the store is still at the first when the last arrives.
  for (let i = 1; i <= 50; i++) {
    ann.send({ type: "login", data: { turn: i } });
    ann.send({ type: "chat", data: i });
    ann.send({ type: "profile", id: i });
  }
  await ann.find(({ id }) => id === 50);
  const chats = ann.all("chat").map(({ data }) => [data.message, data.user.properties.turn]);
  assertEquals(chats, Array.from({ length: 50 }, (_, i) => [i + 1, i + 1]));
  assertEquals(ann.all("chat").map(({ offset }) => Number(offset)), range(1, 50));
});

onEveryStore("counters add exactly, whatever the digits", async (start) => {
  await using server = await start({ RATE_LIMIT: "100000", RATE_BURST: "100000" });
  await using ann = await server.connect("subscribe=counter");
  for (let i = 0; i < 10; i++) ann.send({ type: "counter", data: { id: "tenths", value: 0.1 } });
  await ann.settled();
  await ann.find(isCounter("tenths", "1"));
  ann.send({ type: "counter", data: { id: "order_subtotals", value: 17.75 } });
  ann.send({ type: "counter", data: { id: "order_subtotals", value: -15.14 } });
  await ann.find(isCounter("order_subtotals", "2.61"));
  ann.send({ type: "counter" });
  await ann.find(isCounter("default", "1"));

  const random = seededRandom("counters");
  let sum = 0n;
  const deltas = Array.from({ length: 300 }, () => random.below(2e9) - 1e9);
  for (const delta of deltas) {
    sum += BigInt(delta);
    ann.send({ type: "counter", data: { id: "many", value: `${delta}e-6` } });
  }
  await ann.settled();
  await using late = await server.connect();
  await late.ask({ type: "subscribe", data: "counter:many" });
  const value = (await late.next("counter")).data.value;
  assertEquals(BigInt(Math.round(Number(value) * 1e6)), sum);
});

onEveryStore("a counter past its range takes nothing, and goes on", async (start) => {
  await using server = await start();
  await using ann = await server.connect();
  const add = (value: unknown): Promise<unknown> =>
    ann.ask({ type: "counter", data: { id: "edge", value } });
  const refused = async (value: unknown): Promise<string> =>
    (await ann.refusal({ type: "counter", data: { id: "edge", value } })).code;
  await add("8999999999999.999999");
  assertEquals(await refused("0.000002"), "counter_overflow");
  await add("0.000001");
  assertEquals(await refused(1), "counter_overflow");
  assertEquals(await refused("1e300"), "counter_overflow");
  await add(-9_000_000_000_000);
  await add("-9000000000000");
  assertEquals(await refused("-0.000001"), "counter_overflow");
  await add("18000000000000");
  assertEquals(await refused("NaN"), "invalid_message");
  await ann.ask({ type: "subscribe", data: "counter:edge" });
  assertEquals((await ann.next("counter")).data.value, "9000000000000");
  // Burst, so that one batch must refuse what the batch itself has used up.
  const answers = await Promise.allSettled(
    Array.from({ length: 20 }, () => add(-1_000_000_000_000)),
  );
  assertEquals(answers.filter(({ status }) => status === "fulfilled").length, 18);
  await ann.find(isCounter("edge", "-9000000000000"));
});

onEveryStore("a vote counts once a session, moves, and leaves no empty answer", async (start) => {
  await using server = await start({ MAX_POLL_ANSWERS: "3" });
  await using ann = await server.connect("subscribe=poll");
  await using ben = await server.connect();
  const vote = (who: TestClient, answer: unknown): Promise<unknown> =>
    who.ask({ type: "poll", data: { id: "test poll", answer } });
  const stats = async (expected: Record<string, number>): Promise<void> => {
    await ann.find(({ type, data }) =>
      type === "poll" && data.id === "test poll" && sameMembers(data.stats, expected)
    );
  };
  await vote(ann, "hello");
  await vote(ben, "hello");
  await stats({ hello: 2 });
  await vote(ben, "goodbye");
  await stats({ hello: 1, goodbye: 1 });
  await vote(ben, "goodbye");
  await vote(ann, true);
  await vote(ben, 5);
  await stats({ true: 1, 5: 1 });
  await using cem = await server.connect();
  await vote(cem, "__proto__");
  await stats(Object.fromEntries([["true", 1], ["5", 1], ["__proto__", 1]]));
  // A fourth answer is one too many, except for the one whose own leaves.
  await using dan = await server.connect();
  const refusal = await dan.refusal({ type: "poll", data: { id: "test poll", answer: "new" } });
  assertEquals(refusal.code, "limit_exceeded");
  await vote(cem, "constructor");
  await stats({ true: 1, 5: 1, constructor: 1 });
  // Moving about for long fills nothing up: answers without votes are forgotten.
  for (let i = 0; i < 60; i++) await vote(cem, `wandering ${i}`);
  await vote(ann, "wandering 59");
  await stats({ 5: 1, "wandering 59": 2 });
});

onEveryStore("an ephemeral vote leaves with its session's last connection", async (start) => {
  await using server = await start();
  await using ann = await server.connect("subscribe=ephemeralPoll");
  const ben = await server.connect("session=ben");
  const benAgain = await server.connect("session=ben");
  const stats = (expected: Record<string, number>): Promise<unknown> =>
    ann.find(({ type, data }) => type === "ephemeralPoll" && sameMembers(data.stats, expected));
  ann.send({ type: "ephemeralPoll", data: { id: "here", answer: "yes" } });
  ben.send({ type: "ephemeralPoll", data: { id: "here", answer: "yes" } });
  await stats({ yes: 2 });
  benAgain.send({ type: "ephemeralPoll", data: { id: "here", answer: "no" } });
  await stats({ yes: 1, no: 1 });
  await ben.close();
  await ann.settled();
  assertEquals(ann.all("ephemeralPoll").at(-1).data.stats, { yes: 1, no: 1 });
  const before = ann.messages.length;
  await benAgain.close();
  await ann.find((message) =>
    ann.messages.indexOf(message) >= before && message.type === "ephemeralPoll" &&
    sameMembers(message.data.stats, { yes: 1 })
  );
});

onEveryStore("subscribing to state sends it at once, and unsubscribing ends it", async (start) => {
  await using server = await start();
  await using ann = await server.connect();
  for (const id of ["a", "b:c", "d"]) await ann.ask({ type: "counter", data: { id, value: 2 } });
  await using ben = await server.connect();
  await ben.ask({ type: "subscribe", data: "counter" });
  assertEquals(ben.all("counter").map(({ data }) => data.id).sort(), ["a", "b:c", "d"]);
  await ben.ask({ type: "unsubscribe", data: "counter" });
  await ben.ask({ type: "subscribe", data: "counter:b:c" });
  await ben.ask({ type: "subscribe", data: "counter:unused" });
  assertEquals(ben.all("counter").at(-1).data, { id: "unused", value: "0" });
  await ann.ask({ type: "counter", data: { id: "a" } });
  await ann.ask({ type: "counter", data: { id: "b:c" } });
  await ben.find(isCounter("b:c", "3"));
  assertEquals(ben.messages.filter(isCounter("a", "3")), []);
  await ben.ask({ type: "unsubscribe", data: "counter" });
  await ann.ask({ type: "counter", data: { id: "b:c" } });
  await ben.settled();
  assertEquals(ben.messages.filter(isCounter("b:c", "4")), []);
});

onEveryStore("a session finds its suffix and properties again", async (start) => {
  let session: string;
  {
    await using server = await start();
    await using first = await server.connect("room=home");
    await using ann = await server.connect("room=home");
    assertEquals([first.profile.suffix, ann.profile.suffix], [1, 2]);
    session = ann.profile.id;
    await ann.ask({ type: "login", data: { name: "Ann", _secret: [1] } });
    await ann.close();
    await using again = await server.connect(`room=home&session=${session}`);
    assertEquals(again.profile.suffix, 2);
    assertEquals(again.profile.properties, { name: "Ann", _secret: [1] });
    await using elsewhere = await server.connect(`room=away&session=${session}`);
    assertEquals(elsewhere.profile.suffix, 1);
    assertEquals(elsewhere.profile.properties, {});
    assertEquals(elsewhere.connection.user_id, ann.connection.user_id);
  }
  await using server = await start();
  await using other = await server.connect("room=home");
  await using ann = await server.connect(`room=home&session=${session}`);
  assertEquals([other.profile.suffix, ann.profile.suffix], [3, 2]);
  assertEquals(ann.profile.properties.name, "Ann");
}, { durable: true });

onEveryStore("hundreds who come at once get suffixes of their own", async (start) => {
  await using server = await start();
  const all = await Promise.all(Array.from({ length: 200 }, () => server.connect("room=rush")));
  const suffixes = all.map(({ profile }) => profile.suffix).sort((a, b) => a - b);
  assertEquals(suffixes, range(1, 200));
  await Promise.all(all.map((client) => client.close()));
});

onEveryStore("a key makes a message count once, with one answer", async (start) => {
  await using server = await start();
  await using ann = await server.connect("session=ann&subscribe=chat,counter:c");
  await using annToo = await server.connect("session=ann");
  await using ben = await server.connect();
  const message = { type: "chat", data: "once", key: "k-1" };
  const acks = await Promise.all([
    ...Array.from({ length: 5 }, () => ann.ask(message)),
    ...Array.from({ length: 5 }, () => annToo.ask(message)),
  ]);
  acks.push(await ann.ask(message));
  assertEquals(new Set(acks.map((ack) => JSON.stringify(ack))).size, 1);
  const count = { type: "counter", data: { id: "c", value: "2.5" }, key: "k-2" };
  for (let i = 0; i < 4; i++) await ann.ask(count);
  // Another session's key is another key.
  await ben.ask(count);
  await ann.find(isCounter("c", "5"));
  assertEquals(ann.all("chat").length, 1);
  // A refusal is not an answer to keep: the message may be sent again, mended or not.
  const bad = { type: "counter", data: { id: "c", value: "1e20" }, key: "k-3" };
  assertEquals((await ann.refusal(bad)).code, "counter_overflow");
  await ann.ask({ ...bad, data: { id: "c", value: 1 } });
  await ann.find(isCounter("c", "6"));
});

onEveryStore("admins configure, broadcast and relay", async (start) => {
  await using server = await start();
  await using admin = await server.connect("room=a");
  await using ann = await server.connect("room=a&subscribe=weather:paris");
  assertEquals((await ann.refusal({ type: "config", data: "{}" })).code, "not_allowed");
  await promote(admin);
  assertEquals(admin.all("profile").at(-1).data.role, "admin");
  await admin.ask({ type: "config", data: '{"a":1}' });
  assertEquals((await ann.find(({ offset }) => offset === "1")).data, '{"a":1}');
  await using late = await server.connect("room=a");
  assertEquals(late.messages[1], { type: "config", data: '{"a":1}' });

  await admin.ask({ type: "broadcast", data: { type: "whatsup", data: [1, 2, "abc"] } });
  assertEquals((await ann.next("whatsup")).data, [1, 2, "abc"]);
  const anything = { anything: "can", be: ["sent", "by", "the", "server"] };
  await admin.ask({ type: "broadcast", data: anything });
  assertEquals((await ann.next("broadcast")).data, anything);
  const forecast = { type: "weather_forecast", data: "Cloudy with a chance of meatballs" };
  await late.ask({ type: "subscribe", data: "weather" });
  for (const to of ["weather", "weather:paris", "weather:rome"]) {
    await admin.ask({ type: "broadcast", data: { to, ...forecast } });
  }
  await Promise.all([ann.settled(), late.settled()]);
  assertEquals(ann.all("weather_forecast").map(({ offset }) => offset), ["5"]);
  assertEquals(late.all("weather_forecast").map(({ offset }) => offset), ["4", "5", "6"]);

  await admin.ask({ type: "relay", data: "report" });
  await admin.ask({ type: "relay", data: "chat" });
  await ann.ask({ type: "login", data: { name: "Ann", _age: 30 } });
  await ann.ask({ type: "report", data: null });
  const { data } = await admin.next("relay:report");
  assertEquals([data.type, data.data], ["report", null]);
  assertEquals(data.user.properties, { name: "Ann", _age: 30 });
  assertEquals(data.user.id, ann.connection.user_id);
  assertNotEquals(data.user.id, ann.profile.id);
  await ann.ask({ type: "chat", data: "relayed, and said" });
  await admin.next("relay:chat");
  const once = { type: "report", data: "again", key: "r" };
  await ann.ask(once);
  await ann.ask(once);
  await admin.settled();
  assertEquals(admin.all("relay:report").length, 2);
  assertEquals(await admin.ask({ type: "deleteRelay", data: "report" }), { removed: 1 });
  assertEquals(await admin.ask({ type: "deleteRelay" }), { removed: 1 });
  await ann.ask(once);
  assertEquals((await admin.refusal({ type: "relay", data: "authenticate" })).code, "not_allowed");
});

onEveryStore("signals go to others, and are not kept", async (start) => {
  await using server = await start();
  await using ann = await server.connect("subscribe=signal");
  await using ben = await server.connect("subscribe=signal:typing");
  await using cem = await server.connect("subscribe=signal:cursor");
  await ann.ask({ type: "signal", data: { event: "typing", data: { on: true } } });
  const signal = await ben.next("signal");
  assertEquals(signal.data, {
    event: "typing",
    data: { on: true },
    user: { suffix: 1, properties: {} },
  });
  await Promise.all([ann.settled(), cem.settled()]);
  assertEquals([ann.all("signal").length, cem.all("signal").length], [0, 0]);
  assertEquals(
    await (await fetch(`${server.url}/details`)).json().then(({ offset }) => offset),
    "0",
  );
});

onEveryStore("messages of the largest size, in any script, come through whole", async (start) => {
  await using server = await start({ MAX_BUFFERED_BYTES: "16000000" });
  await using ann = await server.connect("subscribe=chat");
  const texts = ["a".repeat(65_000), "é".repeat(32_000), "漢".repeat(21_000), "😀".repeat(16_000)];
  for (const text of texts) await ann.ask({ type: "chat", data: text });
  assertEquals(ann.all("chat").map(({ data }) => data.message), texts);
  await using late = await server.connect("subscribe=chat&since=0");
  for (const text of texts) assertEquals((await late.next("chat")).data.message, text);
  await promote(ann);
  await ann.ask({ type: "config", data: texts[3] });
  await ann.ask({ type: "login", data: { text: "漢".repeat(5000) } });
  // A batch of them is more than one commit takes.
  await Promise.all(Array.from({ length: 40 }, () => ann.ask({ type: "chat", data: texts[2] })));
  assertEquals(ann.all("chat").length, 44);
  await using last = await server.connect("subscribe=chat&since=0");
  await last.find(({ offset, type }) => type === "chat" && offset === "45");
  assertEquals(last.messages[1].data, texts[3]);
  assertEquals(last.all("chat").length, 44);
});

function isCounter(id: string, value: string) {
  // deno-lint-ignore no-explicit-any -- see Received
  return ({ type, data }: any): boolean =>
    type === "counter" && data.id === id && data.value === value;
}

function sameMembers(a: Record<string, number>, b: Record<string, number>): boolean {
  const entries = (value: Record<string, number>): string =>
    JSON.stringify(Object.entries(value).sort(([x], [y]) => x < y ? -1 : 1));
  return entries(a) === entries(b);
}
