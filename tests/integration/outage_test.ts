import { assert, assertEquals } from "@std/assert";
import { Denokv, denokvProgram } from "../harness/denokv.ts";
import { ServerProcess } from "../harness/process.ts";
import { seededRandom } from "../harness/random.ts";
import { startServer } from "../harness/server.ts";
import { pause } from "../harness/util.ts";

/** What takes the store away, and brings it back. */
const OUTAGES: Record<string, { away(store: Denokv): unknown; back(store: Denokv): unknown }> = {
  killed: { away: (store) => store.kill(), back: (store) => store.run() },
  silent: { away: (store) => store.pause(), back: (store) => store.resume() },
};

for (const [how, { away, back }] of Object.entries(OUTAGES)) {
  Deno.test({
    name: `with the store ${how}, sockets stay, changes fail, and all recovers by itself`,
    ignore: denokvProgram === undefined,
    // The runtime keeps an HTTP/2 connection to a KV server open after the store is closed.
    sanitizeOps: false,
    sanitizeResources: false,
    fn: async () => {
      const random = seededRandom(`outage (${how})`);
      await using denokv = await Denokv.start();
      await using server = await startServer({
        KV_URL: denokv.url,
        KV_TIMEOUT_MS: "300",
        RATE_LIMIT: "100000",
        RATE_BURST: "100000",
      });
      await using ann = await server.connect("subscribe=chat,counter:c&session=ann");
      const acknowledged: string[] = [];
      const keyed: Record<string, unknown>[] = [];
      let added = 0;
      for (let round = 0; round < 3; round++) {
        const work: Promise<void>[] = [];
        let stop = false;
        const talk = async (lane: number): Promise<void> => {
          for (let i = 0; !stop; i++) {
            const text = `${round}-${lane}-${i}`;
            const chat = { type: "chat", data: text, key: text };
            keyed.push(chat);
            await ann.ask(chat).then(() => acknowledged.push(text), ({ data }) => {
              assertEquals(data.code, "unavailable");
            });
            const counter = { type: "counter", data: { id: "c", value: 0.5 }, key: `c-${text}` };
            keyed.push(counter);
            added++;
            await ann.ask(counter).catch(({ data }) => assertEquals(data.code, "unavailable"));
            await pause(5);
          }
        };
        for (let n = 0; n < 8; n++) work.push(talk(n));
        await pause(100 + random.below(200));
        await away(denokv);
        await pause(600);
        assertEquals(await health(server.url), 503);
        // What is not the store's business goes on.
        await ann.ask({ type: "ping", data: round });
        await pause(300);
        await back(denokv);
        while (await health(server.url) !== 200) await pause(20);
        await pause(200);
        stop = true;
        await Promise.all(work);
      }
      // Everything once more with its key: what had been applied, known or unknown, is not again.
      for (const message of keyed) await ann.ask(message);
      await ann.settled();
      const chats = ann.all("chat");
      assertEquals(chats.map(({ offset }) => Number(offset)), chats.map((_, i) => i + 1));
      const texts = chats.map(({ data }) => data.message);
      assertEquals(new Set(texts).size, texts.length, "a message was applied twice");
      assertEquals(texts.length, keyed.length / 2);
      for (const text of acknowledged) assert(texts.includes(text));
      await using late = await server.connect("subscribe=counter:c");
      assertEquals((await late.next("counter")).data.value, String(added / 2));
    },
  });
}

Deno.test({
  name: "a shutdown while the store is away ends in time",
  ignore: denokvProgram === undefined,
  fn: async () => {
    await using denokv = await Denokv.start();
    const server = await ServerProcess.start({ KV_URL: denokv.url });
    await using ann = await server.connect();
    denokv.pause();
    ann.send({ type: "chat", data: "under way" });
    await pause(100);
    const endsAt = performance.now() + 4000;
    await server.end("SIGTERM");
    assert(performance.now() < endsAt);
    assertEquals((await ann.closed).code, 1012);
  },
});

async function health(url: string): Promise<number> {
  const response = await fetch(`${url}/healthz`);
  await response.body?.cancel();
  return response.status;
}
