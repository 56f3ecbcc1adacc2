import { assertEquals } from "@std/assert";
import type { TestClient } from "../harness/client.ts";
import { seededRandom } from "../harness/random.ts";
import { onEveryStore } from "../harness/stores.ts";
import { range } from "../harness/util.ts";

const SERVERS = 3;
const CLIENTS = 2;
const MESSAGES = 120;

onEveryStore("several servers that write one room keep its order and its sums", async (start) => {
  const random = seededRandom("contention");
  const open = () => start({ RATE_LIMIT: "100000", RATE_BURST: "100000", HISTORY_LIMIT: "10000" });
  await using first = await open();
  await using second = await open();
  await using third = await open();
  const servers = [first, second, third];
  const clients: TestClient[] = [];
  for (const server of servers) {
    for (let i = 0; i < CLIENTS; i++) clients.push(await server.connect("subscribe=chat"));
  }
  // Each server gave its newcomers suffixes that no other has given.
  const suffixes = clients.map(({ profile }) => profile.suffix);
  assertEquals(suffixes.toSorted((a, b) => a - b), range(1, SERVERS * CLIENTS));

  await Promise.all(clients.map(async (client, c) => {
    for (let i = 0; i < MESSAGES; i++) {
      const work = [
        client.ask({ type: "chat", data: [c, i] }),
        client.ask({ type: "counter", data: { id: "c", value: 0.25 } }),
      ];
      if (i % 10 === 0) {
        work.push(client.ask({ type: "poll", data: { id: "p", answer: (c + i) % 3 } }));
      }
      // Sometimes far into the range, where a commit must look before it adds.
      if (i % 40 === 0) {
        work.push(client.ask({ type: "counter", data: { id: "wide", value: 1e12 } }));
        work.push(client.ask({ type: "counter", data: { id: "wide", value: -1e12 } }));
      }
      if (random.below(3) === 0) await Promise.all(work);
    }
    await client.settled();
  }));
  const total = SERVERS * CLIENTS * MESSAGES;
  for (const client of clients) {
    await client.find(({ offset }) => offset === String(total));
    const chats = client.all("chat");
    assertEquals(chats.map(({ offset }) => Number(offset)), range(1, total));
    const own = chats.map(({ data }) => data.message).filter(([c]) =>
      c === clients.indexOf(client)
    );
    assertEquals(own.map(([, i]) => i), range(0, MESSAGES - 1));
  }
  await using reader = await first.connect("subscribe=counter,poll");
  await reader.find(({ type, data }) => type === "counter" && data.id === "wide");
  await reader.find(({ type }) => type === "poll");
  const values = reader.all("counter").map(({ data }) => [data.id, data.value]);
  assertEquals(Object.fromEntries(values), { c: String(total / 4), wide: "0" });
  const votes = Object.values(reader.all("poll")[0].data.stats as Record<string, number>);
  assertEquals(votes.reduce((sum, count) => sum + count, 0), clients.length);
  await Promise.all(clients.map((client) => client.close()));
}, { durable: true });
