import { assert, assertEquals } from "@std/assert";
import { promote } from "../harness/admin.ts";
import type { TestClient } from "../harness/client.ts";
import { seededRandom } from "../harness/random.ts";
import { onEveryStore } from "../harness/stores.ts";
import { range } from "../harness/util.ts";

onEveryStore("subscribing since an offset, or for some history, tells the past", async (start) => {
  await using server = await start({ HISTORY_LIMIT: "50", RATE_BURST: "1000" });
  await using ann = await server.connect();
  await promote(ann);
  for (let i = 1; i <= 20; i++) {
    await ann.ask({ type: "chat", data: i });
    await ann.ask({ type: "broadcast", data: { to: "news:x", type: "item", data: i } });
  }
  const { epoch } = ann.connection;
  const subscribe = async (fields: Record<string, unknown>): Promise<[unknown, number[]]> => {
    await using client = await server.connect();
    const ack = await client.ask({ type: "subscribe", ...fields });
    const events = client.messages.filter(({ offset }) => offset !== undefined);
    return [ack, events.map(({ offset }) => Number(offset))];
  };
  const odd = (from: number): number[] => [...range(from, 40)].filter((n) => n % 2 === 1);
  const even = (from: number): number[] => [...range(from, 40)].filter((n) => n % 2 === 0);
  const complete = (replayed: number): unknown => ({ replayed, complete: true });
  const partial = (replayed: number): unknown => ({ replayed, complete: false });

  assertEquals(await subscribe({ data: "chat", since: "0" }), [complete(20), odd(1)]);
  assertEquals(await subscribe({ data: "chat", since: 37, epoch }), [complete(1), [39]]);
  assertEquals(await subscribe({ data: "chat", since: "40" }), [complete(0), []]);
  assertEquals(await subscribe({ data: "news", since: "30" }), [complete(5), even(31)]);
  assertEquals(await subscribe({ data: "news:x", since: "30" }), [complete(5), even(31)]);
  assertEquals(await subscribe({ data: "news:y", since: "30" }), [complete(0), []]);
  assertEquals(await subscribe({ data: "chat", history: 3 }), [complete(3), [35, 37, 39]]);
  assertEquals(await subscribe({ data: "chat", history: 0 }), [complete(0), []]);
  assertEquals(await subscribe({ data: "chat", history: 99 }), [complete(20), odd(1)]);
  // Neither an offset of another life nor one of the future is anything to resume from.
  assertEquals(await subscribe({ data: "chat", since: "39", epoch: "x" }), [partial(20), odd(1)]);
  assertEquals(await subscribe({ data: "chat", since: "41" }), [partial(0), []]);

  for (let i = 0; i < 200; i++) await ann.ask({ type: "chat", data: i });
  assertEquals((await subscribe({ data: "chat", since: "189" }))[0], partial(50));
  assertEquals(await subscribe({ data: "chat", since: "190" }), [complete(50), range(191, 240)]);
  assertEquals((await subscribe({ data: "chat", history: 51 }))[0], partial(50));
});

onEveryStore("events past their time are told no more", async (start) => {
  await using server = await start({ HISTORY_SECONDS: "1" });
  await using ann = await server.connect();
  await ann.ask({ type: "chat", data: "old" });
  await new Promise((resolve) => setTimeout(resolve, 1100));
  await ann.ask({ type: "chat", data: "new" });
  await using ben = await server.connect();
  const ack = await ben.ask({ type: "subscribe", data: "chat", since: "0" });
  assertEquals(ack, { replayed: 1, complete: false });
  assertEquals(ben.all("chat").map(({ data }) => data.message), ["new"]);
  await using cem = await server.connect();
  const some = await cem.ask({ type: "subscribe", data: "chat", history: 5 });
  assertEquals(some, { replayed: 1, complete: false });
});

onEveryStore(
  "who joins or resumes amid a flood misses nothing and sees nothing twice",
  async (start) => {
    const random = seededRandom("flood");
    await using server = await start({ RATE_LIMIT: "100000", RATE_BURST: "100000" });
    const writers = await Promise.all(range(1, 4).map(() => server.connect("subscribe=chat")));
    const flood = writers.map(async (writer, w) => {
      for (let i = 0; i < 250; i++) {
        const work = writer.ask({ type: "chat", data: [w, i] });
        if (random.below(4) === 0) await work;
      }
      await writer.settled();
    });
    const readers: { client: TestClient; since: number }[] = [];
    const join = async (): Promise<void> => {
      for (let i = 0; i < 12; i++) {
        if (random.below(2)) {
          // Everything after the offset that the greeting named.
          const client = await server.connect("subscribe=chat");
          readers.push({ client, since: Number(client.connection.offset) });
        } else {
          const client = await server.connect();
          const head = Number(client.connection.offset);
          const since = random.below(head + 1);
          client.send({ type: "subscribe", data: "chat", since: String(since) });
          // A second resumption while the first is under way takes its turn.
          if (random.below(3) === 0) client.send({ type: "subscribe", data: "other", since: "0" });
          readers.push({ client, since });
        }
        await new Promise((resolve) => setTimeout(resolve, random.below(15)));
      }
    };
    await Promise.all([...flood, join()]);
    for (
      const { client, since } of [...readers, ...writers.map((client) => ({ client, since: 0 }))]
    ) {
      await client.find(({ type, offset }) => type === "chat" && offset === "1000");
      assertEquals(client.all("chat").map(({ offset }) => Number(offset)), range(since + 1, 1000));
    }
    // Each writer's own order is kept, and all see the same.
    for (const [w, writer] of writers.entries()) {
      const messages = writer.all("chat").map(({ data }) => data.message);
      assertEquals(messages.filter(([from]) => from === w).map(([, i]) => i), range(0, 249));
      assertEquals(messages, writers[0]!.all("chat").map(({ data }) => data.message));
    }
    await Promise.all(
      [...readers.map(({ client }) => client), ...writers].map((one) => one.close()),
    );
  },
);

onEveryStore("a restart keeps the log's life, and a client resumes across it", async (start) => {
  let greeting: { epoch: string; offset: string };
  {
    await using server = await start();
    await using ann = await server.connect();
    for (let i = 1; i <= 3; i++) await ann.ask({ type: "chat", data: i });
    greeting = ann.connection;
  }
  await using server = await start();
  await using ben = await server.connect(
    `subscribe=chat,counter:c&since=${greeting.offset}&epoch=${greeting.epoch}`,
  );
  assertEquals(ben.connection.epoch, greeting.epoch);
  assertEquals(ben.connection.offset, "3");
  await ben.ask({ type: "chat", data: 4 });
  await ben.find(({ offset }) => offset === "4");
  assertEquals(ben.all("chat").map(({ offset }) => offset), ["1", "2", "3", "4"]);
  await ben.find(({ type }) => type === "counter");
}, { durable: true });

onEveryStore("a wiped store begins another life, and sends everyone there", async (start) => {
  await using server = await start();
  await using ann = await server.connect("room=w&subscribe=chat");
  await ann.ask({ type: "chat", data: "before" });
  const all = await server.store.list({ prefix: ["room"] }, { limit: 1000 });
  await server.store.commit((atomic) => all.forEach(({ key }) => atomic.delete(key)));
  ann.send({ type: "chat", data: "after" });
  assertEquals((await ann.closed).code, 1012);
  await using again = await server.connect(
    `room=w&session=${ann.profile.id}&subscribe=chat&since=1&epoch=${ann.connection.epoch}`,
  );
  assert(again.connection.epoch !== ann.connection.epoch);
  const chat = await again.next("chat");
  assertEquals([chat.data.message, chat.offset], ["after", "1"]);
});
