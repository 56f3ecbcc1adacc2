import { assertEquals } from "@std/assert";
import { promote } from "../harness/admin.ts";
import type { TestClient } from "../harness/client.ts";
import { onEveryStore, type Start } from "../harness/stores.ts";
import type { TestServer } from "../harness/server.ts";
import { pause } from "../harness/util.ts";

/** The ways by which isolates hear of each other: the store alone, or the process's channel, too. */
const WAYS = {
  "by the store": { openChannel: () => undefined },
  "by the channel": {},
};

/** One test for two servers on one store, by either way. */
function onTwoServers(
  name: string,
  test: (first: TestServer, second: TestServer, start: Start) => Promise<void>,
): void {
  for (const [way, options] of Object.entries(WAYS)) {
    onEveryStore(`${name}, ${way}`, async (start) => {
      const open: Start = (environment) => {
        return start({ RATE_BURST: "1000", LEASE_SECONDS: "2", ...environment }, options);
      };
      await using first = await open();
      await using second = await open();
      await test(first, second, open);
    }, { durable: true });
  }
}

onTwoServers("what happens in a room reaches its members elsewhere", async (first, second) => {
  await using ann = await first.connect("room=r&subscribe=chat,counter,poll:p,broadcast");
  await using ben = await second.connect("room=r&subscribe=chat,counter:c,poll,broadcast");
  assertEquals([ann.profile.suffix, ben.profile.suffix], [1, 2]);

  ann.send({ type: "chat", data: "hello" });
  assertEquals((await ben.next("chat")).data.message, "hello");
  ben.send({ type: "chat", data: "hello, too" });
  await ann.find(({ type, offset }) => type === "chat" && offset === "2");

  ann.send({ type: "counter", data: { id: "c", value: 0.1 } });
  await ben.find(({ type, data }) => type === "counter" && data.value === "0.1");
  ben.send({ type: "counter", data: { id: "c", value: 0.2 } });
  await ann.find(({ type, data }) => type === "counter" && data.value === "0.3");

  ann.send({ type: "poll", data: { id: "p", answer: "yes" } });
  ben.send({ type: "poll", data: { id: "p", answer: "yes" } });
  for (const client of [ann, ben]) {
    await client.find(({ type, data }) => type === "poll" && data.stats.yes === 2);
  }

  await promote(ann);
  ann.send({ type: "config", data: "dark" });
  await ben.find(({ type, data }) => type === "config" && data === "dark");
  ann.send({ type: "broadcast", data: { to: "chat", type: "notice", data: 1 } });
  assertEquals(await ben.next("notice"), { type: "notice", data: 1, offset: "4" });
  await using late = await second.connect("room=r");
  await late.find(({ type, data }) => type === "config" && data === "dark");
});

onTwoServers("everyone sees who is there, wherever", async (first, second) => {
  await using ann = await first.connect("room=p&session=ann&subscribe=presence");
  assertEquals(members(await ann.next("presence")), ["state", 1, [1, {}, "ONLINE"]]);
  await using ben = await second.connect("room=p&session=ben");
  assertEquals(members(await ann.next("presence")), ["join", 2, [2, {}, "ONLINE"]]);
  await ben.ask({ type: "subscribe", data: "presence" });
  const state = await ben.next("presence");
  assertEquals(state.data.count, 2);
  assertEquals(
    state.data.members.map(({ client_id }: { client_id: string }) => client_id).toSorted(),
    [ann.connection.client_id, ben.connection.client_id].toSorted(),
  );

  ben.send({ type: "login", data: { name: "Ben", _secret: 1 } });
  assertEquals(members(await ann.next("presence")), ["update", 2, [2, { name: "Ben" }, "ONLINE"]]);
  ben.send({ type: "status", data: "AWAY" });
  assertEquals(members(await ann.next("presence")), ["update", 2, [2, { name: "Ben" }, "AWAY"]]);

  for (const { url } of [first, second]) {
    const details = await (await fetch(`${url}/details?room=p`)).json();
    assertEquals([details.connections, details.users], [2, 2]);
    const { count, users } = await (await fetch(`${url}/users?room=p`)).json();
    assertEquals(count, 2);
    assertEquals(
      users.map(({ suffix, properties }: { suffix: number; properties: unknown }) => {
        return [suffix, properties];
      }).toSorted(),
      [[1, {}], [2, { name: "Ben" }]],
    );
  }
  await ben.close();
  assertEquals(members(await ann.next("presence")), ["leave", 1, [2, { name: "Ben" }, "AWAY"]]);
});

onTwoServers("a room is seen from where nobody is in it", async (first, second) => {
  await using ann = await first.connect("room=far&session=ann");
  await using _again = await first.connect("room=far&session=ann");
  ann.send({ type: "login", data: { name: "Ann" } });
  await ann.settled();
  const { count, users } = await (await fetch(`${second.url}/users?room=far`)).json();
  assertEquals([count, users[0].properties, users[0].connections], [1, { name: "Ann" }, 2]);
  const details = await (await fetch(`${second.url}/details?room=far`)).json();
  assertEquals([details.exists, details.connections, details.users], [true, 2, 1]);
  const empty = await (await fetch(`${second.url}/users?room=nobody`)).json();
  assertEquals(empty.count, 0);
});

onTwoServers("a user is online until the last connection is away", async (first, second) => {
  await using watcher = await second.connect("room=s&subscribe=presence");
  await using here = await first.connect("room=s&session=u");
  const user = here.connection.user_id;
  await status(watcher, user, "OFFLINE", "ONLINE");
  // Of the same user, in another room, on the other server.
  const there = await second.connect("room=other&session=u");
  assertEquals(there.connection.user_id, user);
  for (const { server } of [first, second]) {
    while (server.backend.hub.targets.users.elsewhere(user) === 0) await pause(5);
  }
  here.send({ type: "status", data: "AWAY" });
  await watcher.find(({ data }) => data.event === "update" && data.members[0].status === "AWAY");
  there.send({ type: "status", data: "AWAY" });
  for (const client of [here, there, watcher]) await status(client, user, "ONLINE", "AWAY");
  there.send({ type: "status", data: "ONLINE" });
  for (const client of [here, there, watcher]) await status(client, user, "AWAY", "ONLINE");
  await there.close();
  for (const client of [here, watcher]) await status(client, user, "ONLINE", "AWAY", 2);
  await here.close();
  await status(watcher, user, "AWAY", "OFFLINE");
  const told = watcher.all("STATUS_CHANGE").filter(({ data }) => data.user_id === user);
  assertEquals(told.map(({ data }) => data.status), [
    "ONLINE",
    "AWAY",
    "ONLINE",
    "AWAY",
    "OFFLINE",
  ]);
});

onTwoServers(
  "an ephemeral vote stays with its session's last connection",
  async (first, second) => {
    await using watcher = await first.connect("room=e&subscribe=ephemeralPoll");
    const here = await first.connect("room=e&session=u");
    here.send({ type: "ephemeralPoll", data: { id: "q", answer: "a" } });
    await stats(watcher, { a: 1 });
    const there = await second.connect("room=e&session=u&subscribe=ephemeralPoll:q");
    await stats(there, { a: 1 });
    // One session has one vote, wherever it moves it.
    there.send({ type: "ephemeralPoll", data: { id: "q", answer: "b" } });
    await stats(watcher, { b: 1 });
    await using other = await second.connect("room=e");
    other.send({ type: "ephemeralPoll", data: { id: "q", answer: "b" } });
    await stats(watcher, { b: 2 });
    await here.close();
    await other.ask({ type: "ephemeralPoll", data: { id: "q", answer: "c" } });
    await stats(watcher, { b: 1, c: 1 });
    await there.close();
    await stats(watcher, { c: 1 });
  },
);

onTwoServers("relays and signals reach other servers", async (first, second) => {
  await using admin = await first.connect("room=x");
  await promote(admin);
  await admin.ask({ type: "relay", data: "report" });
  await admin.ask({ type: "relay", data: "ephemeralPoll" });
  await using ben = await second.connect("room=x&session=ben&subscribe=signal:typing");
  await ben.ask({ type: "login", data: { _email: "ben@example.com" } });
  // Before this server knows of the relays it cannot serve them.
  while (!second.server.backend.hub.rooms.get("x")!.relays.elsewhere("ephemeralPoll")) {
    await pause(5);
  }
  const large = "x".repeat(60_000);
  for (const data of [1, large, 3]) await ben.ask({ type: "report", data });
  const shown = [await admin.next("relay:report"), await admin.next("relay:report")];
  assertEquals(shown.map(({ data }) => data.data), [1, large]);
  assertEquals(shown[0].data.user.properties, { _email: "ben@example.com" });
  assertEquals(JSON.stringify(shown).includes('"ben"'), false, "a session is a secret");
  assertEquals((await admin.next("relay:report")).data.data, 3);
  await ben.ask({ type: "ephemeralPoll", data: { id: "q", answer: "a" } });
  assertEquals((await admin.next("relay:ephemeralPoll")).data.data.answer, "a");

  admin.send({ type: "signal", data: { event: "typing", data: true } });
  assertEquals((await ben.next("signal")).data.data, true);
  await admin.ask({ type: "deleteRelay" });
  while (second.server.backend.hub.rooms.get("x")!.relays.elsewhere("report")) {
    await pause(5);
  }
  await ben.ask({ type: "report", data: 4 });
  await admin.settled();
  assertEquals(admin.all("relay:report").length, 3);
});

onTwoServers(
  "a login elsewhere counts for all of the session's connections",
  async (first, second) => {
    await using here = await first.connect("room=l&session=u&subscribe=chat");
    await using there = await second.connect("room=l&session=u&subscribe=chat");
    here.send({ type: "login", data: { name: "Una" } });
    assertEquals((await there.next("profile")).data.properties, { name: "Una" });
    await there.ask({ type: "chat", data: "it is me" });
    assertEquals((await here.next("chat")).data.user, { suffix: 1, properties: { name: "Una" } });
  },
);

/** A presence message: its event, its count, and its members' suffixes, properties and statuses. */
function members({ data: { event, count, members } }: { data: Presence }): unknown[] {
  return [
    event,
    count,
    ...members.map(({ suffix, properties, status }) => [suffix, properties, status]),
  ];
}

interface Presence {
  readonly event: string;
  readonly count: number;
  readonly members: { suffix: number; properties: unknown; status: string }[];
}

/** Waits for the `nth` change of a user's status from one to another. */
async function status(
  client: TestClient,
  user: string,
  from: string,
  to: string,
  nth = 1,
): Promise<void> {
  await client.find(() => {
    return client.all("STATUS_CHANGE").filter(({ data }) => {
      return data.user_id === user && data.previousStatus === from && data.status === to;
    }).length >= nth;
  });
}

/** Waits until the newest state of the poll `q` is as given. */
async function stats(client: TestClient, wanted: Record<string, number>): Promise<void> {
  await client.find(() => {
    const newest = client.all("ephemeralPoll").filter(({ data }) => data.id === "q").at(-1);
    return JSON.stringify(newest?.data.stats) === JSON.stringify(wanted);
  });
}
