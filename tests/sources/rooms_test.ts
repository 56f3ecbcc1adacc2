import { assert, assertEquals } from "@std/assert";
import { authentication } from "../harness/admin.ts";
import type { Received, TestClient } from "../harness/client.ts";
import { onEveryStore } from "../harness/stores.ts";
import { pause, range } from "../harness/util.ts";

// The text signs this room's name and this time with the key `deadbeef`, which is the tests', too.
const ROOM = "testRoom";
const TIME = 1631756233699;
const AUTHENTICATE = {
  type: "authenticate",
  data: {
    ts: "1631756233699",
    key: "89d88bb54565ea81c0d31c817eddba48c2fbbb0414fb4bb87c799bb2e824804a",
  },
};

for (const servers of [1, 2]) {
  onEveryStore(`a room as its text tells it, on ${servers} servers`, async (start) => {
    const startedAt = Date.now();
    const now = (): number => TIME + Date.now() - startedAt;
    const open = () => start({ LEASE_SECONDS: "2" }, { now });
    await using first = await open();
    await using other = servers === 2 ? await open() : undefined;
    const second = other ?? first;
    await using ann = await first.connect(`room=${ROOM}`);
    await using ben = await second.connect(`room=${ROOM}`);
    // Stays subscribed to all that Ben leaves, on the same server.
    await using cay = await second.connect(`room=${ROOM}`);
    for (const data of ["chat", "counter", "poll", "weather"]) {
      cay.send({ type: "subscribe", data });
    }
    await cay.settled();

    await profiles(ann, ben);
    await chats(ann, ben);
    await using voters = new AsyncDisposableStack();
    const voting = range(1, 16).map(async (i) => {
      return voters.use(await (i % 2 ? first : second).connect(`room=${ROOM}`));
    });
    await polls(await Promise.all(voting), ben, cay);
    await ephemeralPolls(ann, ben, await second.connect(`room=${ROOM}`));
    await counters(ann, ben, cay);
    await unsubscribes(ann, ben, cay);

    await authenticates(ann, now);
    ann.send({ type: "config", data: "{}" });
    const config = ({ type, data }: Received) => type === "config" && data === "{}";
    for (const client of [ann, ben]) await client.find(config);
    await using late = await second.connect(`room=${ROOM}`);
    assertEquals(late.all("config"), [{ type: "config", data: "{}" }]);
    await broadcasts(ann, ben, cay);

    /** Waits until Ben's server knows whether a type is relayed. */
    const relayed = async (type: string, wanted: boolean): Promise<void> => {
      if (!other) return;
      const { relays } = other.server.backend.hub.rooms.get(ROOM)!;
      while (relays.elsewhere(type) === undefined === wanted) await pause(5);
    };
    await relays(ann, ben, relayed);
  }, { durable: servers === 2 });
}

async function profiles(ann: TestClient, ben: TestClient): Promise<void> {
  ann.send({ type: "profile" });
  const { suffix, properties, id, connectionDetails } = (await ann.next("profile")).data;
  assertEquals([typeof suffix, properties, typeof id], ["number", {}, "string"]);
  assertEquals(connectionDetails.address, "127.0.0.1");
  for (const [client, name] of [[ann, "Ann"], [ben, "Ben"]] as const) {
    const own = { name, _email: `${name}@example.com` };
    client.send({ type: "login", data: own });
    const { data } = await client.next("profile");
    assertEquals([data.properties, data.role], [own, "user"]);
  }
}

async function chats(ann: TestClient, ben: TestClient): Promise<void> {
  ben.send({ type: "subscribe", data: "chat" });
  await ben.settled();
  ann.send({ type: "chat", data: "Chat message goes here :)" });
  assertEquals(plain(await ben.next("chat")), {
    type: "chat",
    data: {
      message: "Chat message goes here :)",
      user: { suffix: ann.profile.suffix, properties: { name: "Ann" } },
    },
  });
}

async function polls(voters: TestClient[], ben: TestClient, cay: TestClient): Promise<void> {
  ben.send({ type: "subscribe", data: "poll:test poll" });
  voters.forEach((voter, i) => {
    voter.send({ type: "poll", data: { id: "test poll", answer: i < 14 ? "hello" : "goodbye" } });
  });
  const full = { id: "test poll", stats: { hello: 14, goodbye: 2 } };
  for (const client of [ben, cay]) {
    const poll = await client.find(({ type, data }) => {
      return type === "poll" && data.stats.hello === 14 && data.stats.goodbye === 2;
    });
    assertEquals(poll, { type: "poll", data: full });
  }
}

/** @param guest leaves, and its vote with it. */
async function ephemeralPolls(ann: TestClient, ben: TestClient, guest: TestClient): Promise<void> {
  ben.send({ type: "subscribe", data: "ephemeralPoll" });
  ann.send({ type: "ephemeralPoll", data: { id: "test poll", answer: "goodbye" } });
  guest.send({ type: "ephemeralPoll", data: { id: "test poll", answer: "hello" } });
  const stats = (): Received => ben.all("ephemeralPoll").at(-1)?.data.stats ?? {};
  await ben.find(() => stats().hello === 1 && stats().goodbye === 1);
  await guest.close();
  await ben.find(() => !("hello" in stats()));
  assertEquals(ben.all("ephemeralPoll").at(-1), {
    type: "ephemeralPoll",
    data: { id: "test poll", stats: { goodbye: 1 } },
  });
}

async function counters(ann: TestClient, ben: TestClient, cay: TestClient): Promise<void> {
  ben.send({ type: "subscribe", data: "counter:order_confirmation_subtotal" });
  const counts = async (client: TestClient, id: string, value: string): Promise<void> => {
    const wanted = JSON.stringify({ type: "counter", data: { id, value } });
    await client.find((message) => JSON.stringify(message) === wanted);
  };
  // So that the text's two steps lead to the value that it shows.
  ann.send({ type: "counter", data: { id: "order_subtotals", value: "1442375.17" } });
  ann.send({ type: "counter", data: { id: "order_subtotals", value: 17.75 } });
  await counts(cay, "order_subtotals", "1442392.92");
  ann.send({ type: "counter", data: { id: "order_subtotals", value: -15.14 } });
  await counts(cay, "order_subtotals", "1442377.78");
  ann.send({ type: "counter", data: { id: "order_confirmation_subtotal", value: 17.75 } });
  await counts(ben, "order_confirmation_subtotal", "17.75");
  assertEquals(ben.all("counter").filter(({ data }) => data.id === "order_subtotals"), []);
}

async function unsubscribes(ann: TestClient, ben: TestClient, cay: TestClient): Promise<void> {
  ben.send({ type: "unsubscribe", data: "counter:order_confirmation_subtotal" });
  ben.send({ type: "unsubscribe", data: "chat" });
  // Without an id it ends those with one, too.
  ben.send({ type: "unsubscribe", data: "poll" });
  await ben.settled();
  const types = ["counter", "chat", "poll"];
  const seen = () => types.map((type) => ben.all(type).length);
  const before = seen();
  ann.send({ type: "counter", data: { id: "order_confirmation_subtotal", value: -15.14 } });
  await cay.find(({ type, data }) => type === "counter" && data.value === "2.61");
  ann.send({ type: "poll", data: { id: "test poll", answer: "hello" } });
  await cay.find(({ type, data }) => type === "poll" && data.stats.hello === 15);
  ann.send({ type: "chat", data: "Is anybody here?" });
  await cay.find(({ type, data }) => type === "chat" && data.message === "Is anybody here?");
  await ben.settled();
  assertEquals(seen(), before);
}

async function authenticates(ann: TestClient, now: () => number): Promise<void> {
  const refused = await ann.refusal({ type: "config", data: "{}" });
  assertEquals(refused.code, "not_allowed");
  for (const minutes of [-5.5, 5.5]) {
    const { code } = await ann.refusal(authentication(ROOM, Math.round(now() + minutes * 60_000)));
    assertEquals(code, "timestamp_out_of_range");
  }
  const role = ({ type, data }: Received) => type === "profile" && data.role === "admin";
  assert(!ann.messages.some(role));
  ann.send(AUTHENTICATE);
  await ann.find(role);
  // The text's own implementation tells the time as a number.
  const { type, data: { ts, key } } = authentication(ROOM, now());
  await ann.ask({ type, data: { ts: Number(ts), key } });
}

async function broadcasts(ann: TestClient, ben: TestClient, cay: TestClient): Promise<void> {
  const message = {
    type: "broadcast",
    data: { anything: "can", be: ["sent", "by", "the", "server"] },
  };
  ann.send({ type: "broadcast", data: message });
  assertEquals(plain(await ben.next("broadcast")), message);
  const whatsup = { type: "whatsup", data: [1, 2, "abc"] };
  ann.send({ type: "broadcast", data: whatsup });
  assertEquals(plain(await ben.next("whatsup")), whatsup);
  const forecast = { type: "weather_forecast", data: "Cloudy with a chance of meatballs" };
  ann.send({ type: "broadcast", data: { to: "weather", ...forecast } });
  assertEquals(plain(await cay.next("weather_forecast")), forecast);
  await ben.settled();
  assertEquals(ben.all("weather_forecast"), []);
}

async function relays(
  ann: TestClient,
  ben: TestClient,
  relayed: (type: string, wanted: boolean) => Promise<void>,
): Promise<void> {
  ann.send({ type: "relay", data: "report" });
  ann.send({ type: "relay", data: "someEvent" });
  await ann.settled();
  await relayed("report", true);
  await relayed("someEvent", true);
  for (const data of ["data sent by the user.", { an: "object" }, ["an", "array"], 7, null]) {
    ben.send({ type: "report", data });
    const { data: shown } = await ann.next("relay:report");
    assertEquals([shown.type, shown.data], ["report", data]);
    assertEquals(shown.user.properties, { name: "Ben", _email: "Ben@example.com" });
    assertEquals(shown.user.id, ben.connection.user_id);
  }
  ben.send({ type: "someEvent", data: 1 });
  await ann.next("relay:someEvent");

  ann.send({ type: "deleteRelay", data: "someEvent" });
  await ann.settled();
  await relayed("someEvent", false);
  ben.send({ type: "someEvent", data: 2 });
  ben.send({ type: "report", data: "the last" });
  await ann.find(({ type, data }) => type === "relay:report" && data.data === "the last");
  assertEquals(ann.all("relay:someEvent").length, 1);
}

/** A message as the text shows it, which knows no offsets. */
function plain({ type, data }: Received): Received {
  return { type, data };
}
