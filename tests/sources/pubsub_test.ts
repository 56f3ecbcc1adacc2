import { assert, assertEquals, assertRejects } from "@std/assert";
import { createServer, type Handler, type RunningServer, type VerifyClient } from "../../mod.ts";
import type { Received } from "../harness/client.ts";
import { onEveryStore, type Start } from "../harness/stores.ts";
import { until } from "../harness/until.ts";
import { pause } from "../harness/util.ts";

const WAIT_MS = 10_000;
const ORIGIN = "https://www.example.com";

/** The text's handler, and a case that tells what else it is given. */
const handler: Handler = ({ ws, action, wsServer, client, user, users, ...send }) => {
  const { type } = action;

  switch (type) {
    case "TEST_ASYNC_RESPONSE":
      return new Promise((resolve) => setTimeout(() => resolve("yay!"), 1000));

    case "DO_SOMETHING_ON_THE_SERVER":
      send.sendToClient(client, { type: "DONE" });
      send.broadcast({ type: "DONE_FOR_ANOTHER" });
      return true;

    case "FETCH_RPC": {
      const { method, args } = action;
      return fetchRPC(method as string, ...args as number[]);
    }

    case "DESCRIBE":
      return {
        user: user.id,
        client: client.clientId,
        ws: ws.clientId,
        clients: [...user.clients].map(({ clientId }) => clientId),
        activeClient: user.activeClient?.clientId,
        status: user.status,
        users: [...users.keys()],
        instance: (wsServer as RunningServer).stats.instance,
      };

    default:
      break;
  }
};

function fetchRPC(method: string, ...args: number[]): string {
  return `${method}(${args})`;
}

/** Checks where a request comes from, as the text's own server does. */
const verifyClient: VerifyClient = ({ origin }) => origin === ORIGIN;

for (const servers of [1, 2]) {
  onEveryStore(`pub/sub as its text tells it, on ${servers} servers`, async (start) => {
    const settings = await settingsOf(start);
    await using opened = new AsyncDisposableStack();
    const open = async (): Promise<Started> => {
      const use = { "/peerjs/*": () => Promise.resolve(new Response("a peer")) };
      const server = createServer({ port: 0, settings, handler, verifyClient, use });
      opened.defer(() => server.disconnect());
      const { port } = await server.ready;
      return { server, url: `http://127.0.0.1:${port}`, endPoint: `ws://127.0.0.1:${port}` };
    };
    const first = await open();
    const second = servers === 2 ? await open() : first;
    const dave = await PubSubClient.connect(first, 44);
    const tab = await PubSubClient.connect(second, 44);
    const eve = await PubSubClient.connect(second, 12);
    assertEquals([dave, tab, eve].map(({ userId }) => userId), ["44", "44", "12"]);
    await reachable(eve, 44, 2);
    await reachable(dave, 12, 1);
    assertEquals(await statusElsewhere(first), 401);
    assertEquals(await (await fetch(`${second.url}/peerjs/id`)).text(), "a peer");

    await sends(dave, tab, eve);
    await asks(dave, tab, first);
    await describes(dave, tab, eve);
    await changesStatus(dave, tab);

    // Disconnects the servers.
    await opened.disposeAsync();
    for (const { closed } of [dave, tab, eve]) assertEquals((await closed).code, 1012);
    await assertRejects(() => fetch(`${first.url}/stats`));
  }, { durable: servers === 2 });
}

/** Actions to the user's other clients, and to users. */
async function sends(dave: PubSubClient, tab: PubSubClient, eve: PubSubClient): Promise<void> {
  const states: Received[] = [];
  const unsubscribe = tab.subscribe("SHORTLIST_UPDATE", ({ state }) => states.push(state));
  await dave.broadcast({ type: "SHORTLIST_UPDATE", state: { shortlist: [7] } });
  await tab.received("SHORTLIST_UPDATE", 1);
  unsubscribe();
  await dave.broadcast({ type: "SHORTLIST_UPDATE", state: { shortlist: [] } });
  await tab.received("SHORTLIST_UPDATE", 2);
  assertEquals(states, [{ shortlist: [7] }]);

  const message = { type: "CHAT_MESSAGE", message: "Hey dudes!" };
  await dave.sendToUser(message, [44, 12]);
  for (const client of [dave, tab, eve]) {
    const { from, ...received } = await client.received("CHAT_MESSAGE", 1);
    assertEquals(received, message);
    assertEquals(from, { client_id: dave.clientId, user_id: "44" });
  }
  await dave.sendToUser(message, 12);
  await eve.received("CHAT_MESSAGE", 2);
  await tab.sendToServer({ type: "DO_NOTHING" });
  assertEquals(tab.all("CHAT_MESSAGE").length, 1);
  assertEquals([...dave.all("SHORTLIST_UPDATE"), ...eve.all("SHORTLIST_UPDATE")], []);
}

/** Actions to the server, and its responses. */
async function asks(
  dave: PubSubClient,
  tab: PubSubClient,
  { server, url }: Started,
): Promise<void> {
  const later = dave.sendToServer({ type: "TEST_ASYNC_RESPONSE" });
  assertEquals(await dave.sendToServer({ type: "DO_SOMETHING_ON_THE_SERVER" }), true);
  await dave.received("DONE", 1);
  await tab.received("DONE_FOR_ANOTHER", 1);
  const rpc = { type: "FETCH_RPC", method: "sum", args: [1, 2] };
  assertEquals(await dave.sendToServer(rpc), "sum(1,2)");
  assertEquals(await dave.sendToServer({ type: "ANYTHING_ELSE" }), null);
  assertEquals(await later, "yay!");

  const stats = await dave.sendToServer({ type: "GET_STATS" });
  const fetched = await (await fetch(`${url}/stats`)).json();
  const about = ({ instance, users, connections }: Received): unknown[] => {
    return [instance, users, connections];
  };
  const [users, connections] = dave.instance === tab.instance ? [2, 3] : [1, 1];
  for (const told of [stats, fetched, server.stats]) {
    assertEquals(about(told), [dave.instance, users, connections]);
  }
}

/** What the handler is given. */
async function describes(dave: PubSubClient, tab: PubSubClient, eve: PubSubClient): Promise<void> {
  const beside = (client: PubSubClient): PubSubClient[] => {
    return [dave, tab, eve].filter(({ instance }) => instance === client.instance);
  };
  for (const client of [dave, tab, eve]) {
    const { status, ...told } = await client.sendToServer({ type: "DESCRIBE" });
    const clients = beside(client).filter(({ userId }) => userId === client.userId);
    assertEquals(told, {
      user: client.userId,
      client: client.clientId,
      ws: client.clientId,
      clients: clients.map(({ clientId }) => clientId),
      activeClient: clients.at(-1)!.clientId,
      users: [...new Set(beside(client).map(({ userId }) => userId))],
      instance: client.instance,
    });
    const { onlineSinceTs, lastOnlineTs, ...rest } = status;
    assertEquals(rest, { status: "ONLINE", previousStatus: "OFFLINE", awaySinceTs: null });
    assertEquals([typeof onlineSinceTs, typeof lastOnlineTs], ["number", "number"]);
  }
}

/** A user is away when all its clients are, and each of them is told. */
async function changesStatus(dave: PubSubClient, tab: PubSubClient): Promise<void> {
  for (const client of [tab, dave]) client.setStatus("AWAY");
  for (const client of [tab, dave]) assert(await until(() => client.status === "AWAY", WAIT_MS));
  for (const client of [tab, dave]) {
    const { user_id, status, previousStatus, ...times } = client.all("STATUS_CHANGE").at(-1).data;
    assertEquals([user_id, status, previousStatus], ["44", "AWAY", "ONLINE"]);
    const { onlineSinceTs, lastOnlineTs, awaySinceTs } = times;
    assert(onlineSinceTs <= lastOnlineTs && lastOnlineTs <= awaySinceTs, JSON.stringify(times));
  }
  const told = await dave.sendToServer({ type: "DESCRIBE" });
  assertEquals([told.status.status, told.activeClient], ["AWAY", undefined]);
  tab.setStatus("ONLINE");
  for (const client of [tab, dave]) assert(await until(() => client.status === "ONLINE", WAIT_MS));
}

interface Started {
  readonly server: RunningServer;
  readonly url: string;
  readonly endPoint: string;
}

/** The settings by which `createServer` finds the store under test. */
async function settingsOf(start: Start): Promise<Record<string, string>> {
  await using probe = await start();
  const { KV_PATH, KV_URL } = probe.server.settings;
  const store: Record<string, string> = KV_URL ? { KV_URL } : { KV_PATH: KV_PATH! };
  return { ...store, HOST: "127.0.0.1", LEASE_SECONDS: "2", RATE_BURST: "10000" };
}

/** With what status a client of another origin is answered. */
async function statusElsewhere({ url }: Started): Promise<number> {
  const headers = { Upgrade: "websocket", Connection: "Upgrade", Origin: "https://elsewhere.com" };
  const response = await fetch(`${url}/websocket?userId=44`, { headers });
  await response.body?.cancel();
  return response.status;
}

/** Waits until a message to a user would go to as many clients, wherever they are. */
async function reachable(sender: PubSubClient, user: number, clients: number): Promise<void> {
  while ((await sender.sendToUser({ type: "KNOCK" }, user)).delivered !== clients) await pause(10);
}

/** Stands in for the text's client, over a plain socket. */
class PubSubClient {
  status = "CONNECTING";
  readonly closed: Promise<CloseEvent>;
  readonly #messages: Received[] = [];
  readonly #listeners = new Map<(message: Received) => void, string>();
  #messageId = 0;

  private constructor(readonly socket: WebSocket) {
    this.closed = new Promise((resolve) => socket.onclose = resolve);
    socket.onmessage = ({ data }) => {
      const message = JSON.parse(data);
      this.#messages.push(message);
      for (const [callback, type] of this.#listeners) if (type === message.type) callback(message);
    };
    this.subscribe("STATUS_CHANGE", ({ data: { status } }) => this.status = status);
  }

  static async connect({ endPoint }: Started, userId: number): Promise<PubSubClient> {
    const url = `${endPoint}/websocket?userId=${userId}`;
    const client = new PubSubClient(new WebSocket(url, { headers: { Origin: ORIGIN } }));
    await client.received("profile", 1);
    return client;
  }

  get userId(): string {
    return this.all("connection")[0].data.user_id;
  }

  get clientId(): string {
    return this.all("connection")[0].data.client_id;
  }

  get instance(): string {
    return this.all("connection")[0].data.instance;
  }

  broadcast(action: Received): Promise<Received> {
    return this.#send({ type: "siblings", data: action });
  }

  sendToUser(action: Received, to: number | number[]): Promise<Received> {
    return this.#send({ type: "user", user_ids: [to].flat(), data: action });
  }

  sendToServer(action: Received): Promise<Received> {
    return this.#send({ type: "call", data: action });
  }

  setStatus(status: "ONLINE" | "AWAY"): void {
    this.socket.send(JSON.stringify({ type: "status", data: status }));
  }

  subscribe(type: string, callback: (message: Received) => void): () => void {
    this.#listeners.set(callback, type);
    return () => this.#listeners.delete(callback);
  }

  /** All messages of a type so far. */
  all(type: string): Received[] {
    return this.#messages.filter((message) => message.type === type);
  }

  /** The `nth` message of a type, once it has come. */
  async received(type: string, nth: number): Promise<Received> {
    assert(await until(() => this.all(type).length >= nth, WAIT_MS), `No ${type} came`);
    return this.all(type)[nth - 1];
  }

  async #send(message: Received): Promise<Received> {
    const id = ++this.#messageId;
    this.socket.send(JSON.stringify({ ...message, id }));
    const find = (): Received => this.#messages.find((answer) => answer.id === id);
    assert(await until(() => find() !== undefined, WAIT_MS), `No answer to ${message.type}`);
    const { type, data } = find();
    if (type === "error") throw new Error(data.message);
    return data;
  }
}
