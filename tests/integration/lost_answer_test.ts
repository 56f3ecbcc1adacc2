import { assert, assertEquals } from "@std/assert";
import { Denokv, denokvProgram } from "../harness/denokv.ts";
import { LossyProxy } from "../harness/proxy.ts";
import { seededRandom } from "../harness/random.ts";
import { startServer } from "../harness/server.ts";

Deno.test({
  name: "answers of the store that are lost, and commits that are repeated, double nothing",
  ignore: denokvProgram === undefined,
  // The runtime keeps an HTTP/2 connection to a KV server open after the store is closed.
  sanitizeOps: false,
  sanitizeResources: false,
  fn: async () => {
    const random = seededRandom("lost answers");
    await using denokv = await Denokv.start();
    await using proxy = new LossyProxy(Number(new URL(denokv.url).port));
    await using server = await startServer({
      KV_URL: proxy.url,
      RATE_LIMIT: "100000",
      RATE_BURST: "100000",
    });
    await using ann = await server.connect("subscribe=chat,counter:c,poll:p");
    proxy.lose = () => random.below(25) === 0;
    // Counters alone, too: their commits check nothing that the room's other commits change.
    for (let i = 1; i <= 180; i++) {
      const work = [ann.ask({ type: "counter", data: { id: "c", value: "0.000001" } })];
      if (i % 3 === 0) work.push(ann.ask({ type: "chat", data: i }));
      if (i % 5 === 0) work.push(ann.ask({ type: "poll", data: { id: "p", answer: i % 7 } }));
      for (const answer of await Promise.allSettled(work)) {
        assertEquals(answer.status, "fulfilled");
      }
    }
    proxy.lose = () => false;
    assert(proxy.lost > 5, `only ${proxy.lost} answers were lost`);
    await using late = await server.connect("subscribe=counter:c");
    assertEquals((await late.next("counter")).data.value, "0.00018");
    const chats = ann.all("chat");
    assertEquals(chats.map(({ data }) => data.message), chats.map((_, i) => 3 * (i + 1)));
    assertEquals(chats.map(({ offset }) => Number(offset)), chats.map((_, i) => i + 1));
    assertEquals(chats.length, 60);
    const votes = Object.values(ann.all("poll").at(-1).data.stats);
    assertEquals(votes, [1]);
    console.log(`${proxy.lost} answers lost`);
  },
});
