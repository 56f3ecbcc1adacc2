import { assertEquals, assertNotEquals } from "@std/assert";
import { SignJWT } from "jose";
import { z } from "zod";
import { type AnyFunction, defineFunction } from "../../mod.ts";
import type { Received, TestClient } from "../harness/client.ts";
import type { TestServer } from "../harness/server.ts";
import { onEveryStore } from "../harness/stores.ts";
import { until } from "../harness/until.ts";
import { pause } from "../harness/util.ts";

const SECRET = "a secret of the tests, of thirty-two bytes or more";
const ANN = "n::672b35cec309e5ef8469c372";

// What the text's clients send to each other, and what its walkers send.
const CHAT = { type: "chat", data: { any_field: "any_value" } };
const NOTE = { type: "chat", data: { message: "string" } };

/** The text's walkers, and one that notifies its caller. */
const walkers: readonly AnyFunction[] = [
  defineFunction({
    name: "send_chat_to_user",
    input: z.object({ root_id: z.string() }),
    run: ({ root_id }, { notify }) => notify.users([root_id], NOTE),
  }),
  defineFunction({
    name: "send_chat_to_group",
    input: z.object({ channel_id: z.string() }),
    run: ({ channel_id }, { notify }) => notify.channels([channel_id], NOTE),
  }),
  defineFunction({
    name: "send_chat_to_client",
    input: z.object({ client_id: z.string() }),
    run: ({ client_id }, { notify }) => notify.clients([client_id], NOTE),
  }),
  defineFunction({
    name: "your_walker_name",
    input: z.object({}),
    run: (_input, { notify }) => notify.self(NOTE),
  }),
];

for (const servers of [1, 2]) {
  onEveryStore(`targeted sockets as their text tells it, on ${servers} servers`, async (start) => {
    const settings = { JWT_SECRET: SECRET, LEASE_SECONDS: "2", RATE_BURST: "10000" };
    const open = () => start(settings, { functions: walkers });
    await using first = await open();
    await using other = servers === 2 ? await open() : undefined;
    const second = other ?? first;
    const token = await tokenOf(ANN);
    await using byHeader = await HeaderClient.connect(first, token);
    await using byQuery = await second.connect(`token=${token}`);
    await using ben = await first.connect();
    await using cay = await second.connect("channel_id=anystring");
    await using dan = await first.connect("channel_id=anystring");

    assertEquals([byHeader.connection.root_id, byQuery.connection.root_id], [ANN, ANN]);
    assertEquals([cay, dan].map(({ connection }) => connection.channel_id), [
      "anystring",
      "anystring",
    ]);
    assertNotEquals(ben.connection.channel_id, byQuery.connection.channel_id);
    ben.send({ type: "connection" });
    assertEquals((await ben.next("connection")).data, ben.connection);
    await reachable(ben, "user", [ANN], 2);
    await reachable(ben, "channel", ["anystring"], 2);
    await reachable(cay, "client", [ben.connection.client_id], 1);

    // From each to each: whoever shares a user or a channel is told, the sender if it does, too.
    const everyone = [byHeader, byQuery, ben, cay, dan];
    const received = new Inboxes(everyone);
    const sent = (from: TestClient): Received => {
      const { client_id, user_id } = from.connection;
      return { ...CHAT, from: { client_id, user_id } };
    };
    const { client_id } = ben.connection;
    cay.send({ type: "client", client_ids: [client_id], data: CHAT });
    await received.exactly([[], [], [sent(cay)], [], []]);
    ben.send({ type: "channel", channel_ids: [cay.connection.channel_id], data: CHAT });
    await received.exactly([[], [], [], [sent(ben)], [sent(ben)]]);
    cay.send({ type: "user", root_ids: [byQuery.connection.root_id], data: CHAT });
    await received.exactly([[sent(cay)], [sent(cay)], [], [], []]);

    // The same by walkers: in a message, and over the REST API.
    const to = { root_id: ANN, channel_id: "anystring" };
    const calls = [
      [ben, "send_chat_to_user", { root_id: to.root_id }, [[NOTE], [NOTE], [], [], []]],
      [ben, "send_chat_to_group", { channel_id: to.channel_id }, [[], [], [], [NOTE], [NOTE]]],
      [cay, "send_chat_to_client", { client_id }, [[], [], [NOTE], [], []]],
    ] as const;
    for (const [caller, walker, context, expected] of calls) {
      caller.send({ type: "walker", walker, response: true, context });
      const { type, status, walker: name } = await caller.next("walker");
      assertEquals([type, status, name], ["walker", 200, walker]);
      await received.exactly(expected);
      assertEquals(await post(second, walker, context), 200);
      await received.exactly(expected);
    }
    ben.send({ type: "walker", walker: "your_walker_name", response: true, context: {} });
    await received.exactly([[], [], [NOTE], [], []]);
    assertEquals(await post(first, "your_walker_name", {}), 200);
    await received.exactly([[], [], [], [], []]);

    // From a public user to an authenticated one, and back.
    const { root_id } = cay.connection;
    cay.send({ type: "change_user", token: `Bearer ${token}` });
    assertEquals((await cay.next("connection")).data.root_id, ANN);
    await reachable(ben, "user", [ANN], 3);
    ben.send({ type: "user", root_ids: [ANN], data: CHAT });
    await received.exactly([[sent(ben)], [sent(ben)], [], [sent(ben)], []]);
    cay.send({ type: "change_user" });
    assertEquals((await cay.next("connection")).data.root_id, root_id);
    await reachable(ben, "user", [ANN], 2);
    await reachable(ben, "user", [root_id], 1);
    ben.send({ type: "user", root_ids: [ANN], data: CHAT });
    await received.exactly([[sent(ben)], [sent(ben)], [], [], []]);
    ben.send({ type: "user", root_ids: [root_id], data: CHAT });
    await received.exactly([[], [], [], [sent(ben)], []]);
  }, { durable: servers === 2 });
}

function tokenOf(user: string): Promise<string> {
  const key = new TextEncoder().encode(SECRET);
  return new SignJWT({ sub: user }).setProtectedHeader({ alg: "HS256" }).sign(key);
}

async function post({ url }: TestServer, walker: string, body: unknown): Promise<number> {
  const response = await fetch(`${url}/walker/${walker}`, {
    method: "POST",
    body: JSON.stringify(body),
  });
  await response.body?.cancel();
  return response.status;
}

/** Waits until a message to these would go to as many connections, wherever they are. */
async function reachable(
  sender: TestClient,
  kind: "user" | "channel" | "client",
  ids: string[],
  connections: number,
): Promise<void> {
  const ids_of = { user: "root_ids", channel: "channel_ids", client: "client_ids" }[kind];
  const knock = { type: kind, [ids_of]: ids, data: { type: "knock" } };
  while ((await sender.ask(knock)).delivered !== connections) await pause(10);
}

/** What clients have received of chats, of which the last to come are looked at. */
class Inboxes {
  readonly #taken: number[];

  constructor(readonly clients: readonly (TestClient | HeaderClient)[]) {
    this.#taken = clients.map(() => 0);
  }

  /** Waits until each client has received exactly what is expected of it since the last time. */
  async exactly(expected: readonly (readonly Received[])[]): Promise<void> {
    await Promise.all(this.clients.map(async (client, i) => {
      const from = this.#taken[i]!;
      this.#taken[i] = from + expected[i]!.length;
      const chats = () => client.messages.filter(({ type }) => type === "chat").slice(from);
      await until(() => chats().length >= expected[i]!.length, 10_000);
      await client.settled();
      assertEquals(chats(), expected[i]);
    }));
  }
}

/** A client as the text makes it with a library that can set headers. */
class HeaderClient implements AsyncDisposable {
  readonly messages: Received[] = [];
  readonly #closed: Promise<unknown>;

  private constructor(readonly socket: WebSocket) {
    socket.onmessage = ({ data }) => this.messages.push(JSON.parse(data));
    this.#closed = new Promise((resolve) => socket.onclose = resolve);
  }

  static async connect({ port }: TestServer, token: string): Promise<HeaderClient> {
    const headers = { Authorization: `Bearer ${token}` };
    const client = new HeaderClient(
      new WebSocket(`ws://127.0.0.1:${port}/websocket`, { headers }),
    );
    await until(() => client.messages.length === 3, 10_000);
    return client;
  }

  get connection(): Received {
    return this.messages[0].data;
  }

  async settled(): Promise<void> {
    const pongs = (): number => this.messages.filter(({ type }) => type === "pong").length;
    const before = pongs();
    this.socket.send(JSON.stringify({ type: "ping" }));
    await until(() => pongs() > before, 10_000);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.socket.close();
    await this.#closed;
  }
}
