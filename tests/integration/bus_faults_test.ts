import { assert, assertEquals } from "@std/assert";
import type { Channel, OpenChannel } from "../../lib/bus/channel.ts";
import type { TestClient } from "../harness/client.ts";
import { Denokv, denokvProgram } from "../harness/denokv.ts";
import { LossyProxy } from "../harness/proxy.ts";
import { type Random, seededRandom } from "../harness/random.ts";
import { startServer } from "../harness/server.ts";
import { onEveryStore } from "../harness/stores.ts";
import { pause, range } from "../harness/util.ts";

const TALKATIVE = { RATE_LIMIT: "100000", RATE_BURST: "100000", HISTORY_LIMIT: "100000" };

/** A channel that loses, doubles and delays what comes, each independently of the others. */
function faulty(random: Random): OpenChannel {
  return (name) => {
    const channel = new BroadcastChannel(name);
    const timers = new Set<ReturnType<typeof setTimeout>>();
    const wrapper: Channel = {
      onmessage: null,
      postMessage: (message) => channel.postMessage(message),
      close: () => {
        channel.close();
        for (const timer of timers) clearTimeout(timer);
      },
    };
    channel.onmessage = (event) => {
      for (let copies = random.pick([0, 1, 1, 1, 2]); copies > 0; copies--) {
        const timer = setTimeout(() => {
          timers.delete(timer);
          wrapper.onmessage?.(event);
        }, random.pick([0, 0, 5, 30]));
        timers.add(timer);
      }
    };
    return wrapper;
  };
}

onEveryStore("a channel that loses, doubles and reorders changes nothing", async (start) => {
  const openChannel = faulty(seededRandom("faulty channel"));
  const open = () => start({ ...TALKATIVE, LEASE_SECONDS: "1" }, { openChannel });
  await using first = await open();
  await using second = await open();
  await using third = await open();
  const clients: TestClient[] = [];
  for (const server of [first, second, third]) {
    for (let i = 0; i < 8; i++) clients.push(await server.connect("subscribe=chat,counter:c,poll"));
  }
  const MESSAGES = 25;
  await Promise.all(clients.map(async (client, c) => {
    for (let i = 0; i < MESSAGES; i++) {
      client.send({ type: "chat", data: [c, i] });
      client.send({ type: "counter", data: { id: "c", value: 0.1 } });
      if (i % 5 === 0) client.send({ type: "poll", data: { id: "p", answer: (c + i) % 3 } });
      await pause(10);
    }
    await client.settled();
  }));
  const total = clients.length * MESSAGES;
  await checkConvergence(clients, total, String(total / 10));
}, { durable: true });

Deno.test({
  name: "a connection to the store that breaks again and again loses no event",
  ignore: denokvProgram === undefined,
  // The runtime keeps an HTTP/2 connection to a KV server open after the store is closed.
  sanitizeOps: false,
  sanitizeResources: false,
  fn: async () => {
    const random = seededRandom("broken connection");
    await using denokv = await Denokv.start();
    await using proxy = new LossyProxy(Number(new URL(denokv.url).port));
    const openChannel = () => undefined;
    const environment = { ...TALKATIVE, LEASE_SECONDS: "2" };
    await using writer = await startServer({ ...environment, KV_URL: denokv.url }, { openChannel });
    await using reader = await startServer({ ...environment, KV_URL: proxy.url }, { openChannel });
    await using ann = await writer.connect();
    const readers: TestClient[] = [];
    for (let i = 0; i < 3; i++) {
      readers.push(await reader.connect("subscribe=chat,counter:c,poll"));
    }
    proxy.lose = () => random.below(20) === 0;
    for (let i = 0; i < 200; i++) {
      ann.send({ type: "chat", data: [0, i] });
      ann.send({ type: "counter", data: { id: "c", value: 0.1 } });
      if (i === 100) ann.send({ type: "poll", data: { id: "p", answer: 1 } });
      await pause(10);
    }
    await ann.settled();
    proxy.lose = () => false;
    assert(proxy.lost > 3, `only ${proxy.lost} answers were lost`);
    await checkConvergence(readers, 200, "20");
  },
});

onEveryStore("where the bell is never heard, the heartbeat looks", async (start) => {
  const openChannel = () => undefined;
  await using writer = await start({ LEASE_SECONDS: "1" }, { openChannel });
  await using reader = await start({ LEASE_SECONDS: "1" }, { openChannel });
  // A watch that is open and silent, as behind a connection that nobody has ended.
  const silent = new ReadableStream<[Deno.KvEntryMaybe<unknown>]>();
  reader.store.watch = () => silent.tee()[0].getReader();
  await using ann = await writer.connect();
  await using ben = await reader.connect("subscribe=chat,counter:c,poll");
  for (let i = 0; i < 3; i++) {
    await ann.ask({ type: "chat", data: [0, i] });
    await ann.ask({ type: "counter", data: { id: "c", value: 0.1 } });
    await ann.ask({ type: "poll", data: { id: "p", answer: 1 } });
    await pause(700);
  }
  await checkConvergence([ben], 3, "0.3");
}, { durable: true });

onEveryStore(
  "who has seen more than an isolate knows is shown nothing twice there",
  async (start) => {
    const openChannel = () => undefined;
    await using ahead = await start({ LEASE_SECONDS: "600" }, { openChannel });
    await using behind = await start({ LEASE_SECONDS: "600" }, { openChannel });
    behind.store.watch = () => new ReadableStream<never>().getReader();
    await using ann = await ahead.connect("subscribe=chat");
    await using ben = await behind.connect("session=ben&subscribe=chat");
    // After their first beats, at which each looks in any case.
    await pause(500);
    for (let i = 1; i <= 5; i++) await ann.ask({ type: "chat", data: [0, i] });
    assertEquals(ben.all("chat"), []);
    // The same session comes to its seat, another to one of its own.
    for (const [session, since] of [["ben", "5"], ["cay", "6"]]) {
      const { epoch } = ann.connection;
      await using back = await behind.connect(`session=${session}`);
      const resumed = await back.ask({ type: "subscribe", data: "chat", since, epoch });
      assertEquals(resumed, { replayed: 0, complete: true });
      const { offset } = await back.ask({ type: "chat", data: session });
      await back.find((message) => message.offset === offset);
      assertEquals(back.all("chat").map((chat) => chat.offset), [offset]);
    }
    await ann.ask({ type: "chat", data: "last" });
    await using dan = await behind.connect("session=dan");
    assertEquals(dan.connection.offset, "8");
    await ben.find(({ offset }) => offset === "8");
    assertEquals(ben.all("chat").map(({ offset }) => Number(offset)), range(1, 8));
  },
  { durable: true },
);

/** Waits until all have everything, each event once, in one order; and the newest state, in order. */
async function checkConvergence(
  clients: readonly TestClient[],
  total: number,
  counter: string,
): Promise<void> {
  await Promise.all(clients.map(async (client) => {
    await client.find(({ type, offset }) => type === "chat" && offset === String(total));
    await client.find(({ type, data }) => type === "counter" && data.value === counter);
  }));
  const sequence = clients[0]!.all("chat").map(({ data }) => data.message);
  const senders = new Set(sequence.map(([sender]) => sender));
  for (const sender of senders) {
    const own = sequence.filter(([other]) => other === sender).map(([, i]) => i);
    assertEquals(own, range(0, total / senders.size - 1));
  }
  for (const client of clients) {
    const chats = client.all("chat");
    assertEquals(chats.map(({ offset }) => Number(offset)), range(1, total));
    assertEquals(chats.map(({ data }) => data.message), sequence);
    const values = client.all("counter").map(({ data }) => Number(data.value));
    assertEquals(values, values.toSorted((a, b) => a - b), "a counter went back");
  }
  // Polls come last: votes move, so only the sum is known.
  const voters = (client: TestClient): number => {
    const stats: Record<string, number> = client.all("poll").at(-1)?.data.stats ?? {};
    return Object.values(stats).reduce((sum, count) => sum + count, 0);
  };
  await Promise.all(clients.map((client) => client.find(() => voters(client) === senders.size)));
}
