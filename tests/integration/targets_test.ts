import { assertEquals } from "@std/assert";
import { SignJWT } from "jose";
import type { Received, TestClient } from "../harness/client.ts";
import { onEveryStore } from "../harness/stores.ts";
import { pause } from "../harness/util.ts";

const SECRET = "a secret of the tests, of thirty-two bytes or more";

function tokenOf(user: string): Promise<string> {
  const key = new TextEncoder().encode(SECRET);
  return new SignJWT({ sub: user }).setProtectedHeader({ alg: "HS256" }).sign(key);
}

// The messages are those of the source's own text.
const CHAT = { type: "chat", data: { any_field: "any_value" } };

for (const servers of [1, 2]) {
  onEveryStore(`users, channels and clients are reached, on ${servers} servers`, async (start) => {
    const open = () => start({ JWT_SECRET: SECRET, RATE_BURST: "1000", LEASE_SECONDS: "2" });
    await using first = await open();
    await using other = servers === 2 ? await open() : undefined;
    const second = other ?? first;
    await using ann = await first.connect(`room=a&token=${await tokenOf("ann")}`);
    await using tab = await second.connect(`room=b&token=${await tokenOf("ann")}`);
    await using ben = await second.connect("room=c&channel_id=garden");
    await using cay = await first.connect("room=a&channel_id=garden");
    if (other) await known(first.store, 4);
    const everyone = [ann, tab, ben, cay];
    const from = { client_id: ben.connection.client_id, user_id: ben.connection.user_id };
    const sent = { ...CHAT, from };

    assertEquals(await ben.ask({ type: "user", root_ids: ["ann"], data: CHAT }), { delivered: 2 });
    await received(everyone, [[sent], [sent], [], []]);
    const ids = { user_ids: [ann.connection.user_id, "nobody", "ann"] };
    assertEquals(await ben.ask({ type: "user", ...ids, data: CHAT }), { delivered: 2 });
    await received(everyone, [[sent, sent], [sent, sent], [], []]);
    const channels = { channel_ids: [cay.connection.channel_id] };
    assertEquals(await ben.ask({ type: "channel", ...channels, data: CHAT }), { delivered: 2 });
    await received(everyone, [[sent, sent], [sent, sent], [sent], [sent]]);
    const clients = { client_ids: [ann.connection.client_id, cay.connection.client_id] };
    // What a sender claims of itself is not believed.
    const lie = { ...CHAT, from: { client_id: "x", user_id: "ann" } };
    assertEquals(await ben.ask({ type: "client", ...clients, data: lie }), { delivered: 2 });
    await received(everyone, [[sent, sent, sent], [sent, sent], [sent], [sent, sent]]);

    await ann.ask({ type: "siblings", data: { type: "SHORTLIST_UPDATE", state: [1] }, id: 1 });
    const update = await tab.next("SHORTLIST_UPDATE");
    assertEquals([update.state, update.from.client_id], [[1], ann.connection.client_id]);
    assertEquals(ann.all("SHORTLIST_UPDATE"), []);

    // A change of user is a change of address.
    const token = `Bearer ${await tokenOf("dan")}`;
    await tab.ask({ type: "change_user", token });
    if (other) await pause(300);
    assertEquals(await ben.ask({ type: "user", root_ids: ["ann"], data: CHAT }), { delivered: 1 });
    assertEquals(await ben.ask({ type: "user", root_ids: ["dan"], data: CHAT }), { delivered: 1 });
    await received(everyone, [
      [sent, sent, sent, sent],
      [sent, sent, sent],
      [sent],
      [sent, sent],
    ]);
  }, { durable: servers === 2 });
}

onEveryStore("a message with a key reaches its targets once", async (start) => {
  await using server = await start();
  await using ann = await server.connect("session=ann");
  await using ben = await server.connect();
  const message = { type: "client", client_ids: [ben.connection.client_id], data: CHAT, key: "k" };
  const acks = [await ann.ask(message), await ann.ask(message)];
  assertEquals(acks, [{ delivered: 1 }, { delivered: 1 }]);
  await ben.settled();
  assertEquals(ben.all("chat").length, 1);
});

onEveryStore("what only the server says nobody else can say", async (start) => {
  await using server = await start({ MAX_TARGETS: "3" });
  await using ann = await server.connect();
  const target = { client_ids: [ann.connection.client_id] };
  for (
    const type of [
      ...["connection", "config", "profile", "ack", "error", "ping", "pong", "poll", "counter"],
      ...["ephemeralPoll", "presence", "STATUS_CHANGE", "relay:report", "relay:"],
    ]
  ) {
    const refused = await ann.refusal({ type: "client", ...target, data: { type } });
    assertEquals(refused.code, "not_allowed", type);
  }
  const bad: [string, Record<string, unknown>][] = [
    ["root_ids", { type: "user", data: CHAT }],
    ["root_ids", { type: "user", root_ids: [], data: CHAT }],
    ["user_ids", { type: "user", user_ids: "ann", data: CHAT }],
    ["channel_ids", { type: "channel", data: CHAT }],
    ["client_ids.0", { type: "client", client_ids: [{}], data: CHAT }],
    ["client_ids.0", { type: "client", client_ids: [""], data: CHAT }],
    ["client_ids", { type: "client", client_ids: ["1", "2", "3", "4"], data: CHAT }],
    ["data", { type: "client", ...target, data: "text" }],
    ["data", { type: "client", ...target }],
    ["data", { type: "siblings" }],
  ];
  for (const [path, message] of bad) {
    const refused = await ann.refusal(message);
    assertEquals([refused.code, refused.path], ["invalid_message", path]);
  }
  // Whatever else it says of its type is the sender's business; an id is text or a number.
  const odd = { type: "user", root_ids: [7, "../../etc", "' OR 1=1"], data: {} };
  assertEquals(await ann.ask(odd), { delivered: 0 });
  assertEquals(ann.messages.filter(({ from }) => from), []);
});

/** Waits until as many connections can be found by others. */
async function known(
  store: { list(selector: { prefix: string[] }, options: { limit: number }): Promise<unknown[]> },
  connections: number,
): Promise<void> {
  while (true) {
    const clients = await store.list({ prefix: ["at", "client"] }, { limit: 100 });
    if (clients.length === connections) return;
    await pause(5);
  }
}

/** Waits until each of `clients` has received exactly the chats expected of it. */
async function received(clients: readonly TestClient[], expected: Received[][]): Promise<void> {
  await Promise.all(clients.map(async (client, i) => {
    if (expected[i]!.length > 0) {
      await client.find(() => client.all("chat").length >= expected[i]!.length);
    }
    await client.settled();
    assertEquals(client.all("chat"), expected[i]);
  }));
}
