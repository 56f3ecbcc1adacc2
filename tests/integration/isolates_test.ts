import { assert, assertEquals } from "@std/assert";
import { promote } from "../harness/admin.ts";
import type { Received, TestClient } from "../harness/client.ts";
import { Crowd } from "../harness/crowd.ts";
import { Denokv, denokvProgram } from "../harness/denokv.ts";
import { Fleet } from "../harness/fleet.ts";
import { ServerProcess } from "../harness/process.ts";
import { type Random, seededRandom } from "../harness/random.ts";
import { SIGNING_KEY } from "../harness/server.ts";
import { SlowProxy } from "../harness/slow_proxy.ts";
import { until } from "../harness/until.ts";
import { pause, range } from "../harness/util.ts";

const PROCESSES = 3;
const LEASE_SECONDS = 2;

onFleet("clients on all processes see one log and one sum", async (fleet, random) => {
  // Most can go wrong where a room begins: so there are several.
  for (const room of ["first", "second", "third", "fourth"]) {
    await using crowd = new Crowd(fleet, random, room);
    const talkers = await crowd.talk(24, 600, fleet.processes);
    await pause(2000);
    assertEquals((await crowd.finish()).faults, []);
    // Nothing has happened that would excuse an error, or a lost connection.
    assertEquals(crowd.history.count("refused"), 0);
    assertEquals(talkers.filter(({ lost }) => lost > 0), []);
  }
});

onFleet("who joins a flooded room from another process misses nothing", async (fleet, random) => {
  await using crowd = new Crowd(fleet, random);
  const [first, ...others] = fleet.processes;
  const endsAt = performance.now() + 8000;
  const flood = async (i: number): Promise<void> => {
    const writer = await crowd.join(`writer-${i}`, { home: first });
    while (performance.now() < endsAt) {
      await Promise.all(range(0, random.below(8)).map(() => writer.chat(false)));
      await pause(random.below(30));
    }
  };
  let joined = 0;
  const join = async (lane: number): Promise<void> => {
    for (let i = 0; performance.now() < endsAt; i++) {
      const name = `joiner-${lane}-${i}`;
      const home = random.pick(others.length > 0 ? others : fleet.processes);
      // Greeted first, it then asks for what came after the offset that the greeting named.
      const joiner = await crowd.join(name, { home, subscribesBy: "message" });
      joined++;
      await pause(random.below(100));
      // One that says nothing has to be told of what others say.
      const goal = random.below(2) === 0 ? (await joiner.chat())! : crowd.head;
      const { view } = joiner;
      assert(
        await until(() => view.offset >= goal, 3000),
        `${name} is at ${view.offset} of ${goal}`,
      );
      await crowd.part(joiner);
    }
  };
  await Promise.all([...range(1, 4).map(flood), ...range(1, 3).map(join)]);
  console.log(`${joined} joined`);
  assertEquals((await crowd.finish()).faults, []);
});

onFleet("what a killed process held is gone within the lease", async (fleet) => {
  const [doomed, second, third] = fleet.processes as [ServerProcess, ServerProcess, ServerProcess];
  const survivors = [second, third];
  const subscribe = "subscribe=presence,ephemeralPoll:e";
  const connect = (server: ServerProcess, query: string): Promise<TestClient> => {
    return server.connect(`room=ghosts&${query}`);
  };
  const vote = (client: TestClient, answer: string): Promise<Received> => {
    return client.ask({ type: "ephemeralPoll", data: { id: "e", answer } });
  };
  const watchers = await Promise.all(survivors.map((server) => connect(server, subscribe)));
  const admins = await Promise.all([doomed, second].map((server) => connect(server, "")));
  for (const admin of admins) {
    await promote(admin);
    await admin.ask({ type: "relay", data: "report" });
  }
  const ghosts = await Promise.all(range(1, 3).map((i) => connect(doomed, `session=ghost-${i}`)));
  for (const ghost of ghosts) await vote(ghost, "ghost");
  // One session is on both sides; what it said on the side that stays is to stay.
  const astride = await connect(doomed, "session=astride");
  const alive = await connect(third, "session=astride");
  await vote(alive, "alive");

  const all = [...watchers, ...admins, ...ghosts, astride, alive];
  for (const watcher of watchers) {
    await shows(watcher, { ghost: 3, alive: 1 }, all);
  }
  await reported("before", alive, admins);

  await doomed.end("SIGKILL");
  const killedAt = performance.now();
  // One comes back at once, on another process, and votes again: that is no ghost's vote.
  const back = await connect(second, "session=ghost-1");
  await vote(back, "back");
  const left = [...watchers, admins[1]!, alive, back];
  for (const watcher of watchers) await shows(watcher, { alive: 1, back: 1 }, left);
  const tookMs = performance.now() - killedAt;
  console.log(`gone after ${Math.round(tookMs)} ms`);
  assert(tookMs < LEASE_SECONDS * 1000 + 1000, `the dead were there for ${tookMs} ms`);
  // And that is how it stays, for those who come as for those who were there.
  await pause(LEASE_SECONDS * 1000);
  const late = await connect(third, subscribe);
  for (const watcher of [...watchers, late]) {
    await shows(watcher, { alive: 1, back: 1 }, [...left, late]);
  }
  await reported("after", alive, [admins[1]!]);
  assertEquals(await admins[1]!.ask({ type: "deleteRelay" }), { removed: 1 });
  await Promise.all([...left, late].map((client) => client.close()));
});

Deno.test({
  name: "who subscribes sees what was acknowledged before, on however slow a process",
  ignore: denokvProgram === undefined,
  fn: async () => {
    const random = seededRandom("slow reads");
    await using denokv = await Denokv.start();
    await using proxy = new SlowProxy(Number(new URL(denokv.url).port));
    await using fast = await ServerProcess.start({ KV_URL: denokv.url });
    await using slow = await ServerProcess.start({ KV_URL: proxy.url });
    await using writer = await fast.connect();
    // Somebody for whom every change is read, and with whose session one enters without the store.
    await using reader = await slow.connect("session=reader&subscribe=counter:c");
    proxy.delay = () => 20;
    for (let i = 1; i <= 60; i++) {
      await writer.ask({ type: "counter", data: { id: "c" } });
      await pause(random.below(40));
      await writer.ask({ type: "counter", data: { id: "c" } });
      await using late = await slow.connect("session=reader&subscribe=counter:c");
      // What is on its way from the store just now, for those who were there, is older.
      assertEquals((await late.next("counter")).data.value, String(2 * i));
    }
    await reader.find(({ type, data }) => type === "counter" && data.value === "120");
  },
});

/** Waits until a client has been shown these votes, and these members and no others. */
async function shows(
  watcher: TestClient,
  votes: Record<string, number>,
  members: readonly TestClient[],
): Promise<void> {
  const inOrder = (stats: object): string => JSON.stringify(Object.entries(stats).sort());
  const ids = (clients: Iterable<string>): string => [...clients].sort().join();
  const wanted = `${inOrder(votes)} ${ids(members.map(({ connection }) => connection.client_id))}`;
  const shown = (): string => {
    const stats = watcher.all("ephemeralPoll").at(-1)?.data.stats ?? {};
    return `${inOrder(stats)} ${ids(membersOf(watcher))}`;
  };
  const withinMs = LEASE_SECONDS * 1000 + 3000;
  if (!await until(() => shown() === wanted, withinMs)) assertEquals(shown(), wanted);
}

/** The members, by their `client_id`, that a client has been told are there. */
function membersOf(watcher: TestClient): Set<string> {
  const ids = new Set<string>();
  for (const { data } of watcher.all("presence")) {
    const { event, count, members } = data;
    if (event === "state") ids.clear();
    else assertEquals(members.length, 1);
    for (const { client_id } of members) {
      if (event === "join") assert(!ids.has(client_id), "joined twice");
      if (event === "leave") assert(ids.has(client_id), "left, and was not there");
      if (event === "leave") ids.delete(client_id);
      else ids.add(client_id);
    }
    assertEquals(count, ids.size);
  }
  return ids;
}

/** Checks that an admin on each process, and once, is shown what somebody sends. */
async function reported(
  what: string,
  sender: TestClient,
  admins: readonly TestClient[],
): Promise<void> {
  await sender.ask({ type: "report", data: what });
  const shown = (admin: TestClient): number => {
    return admin.all("relay:report").filter(({ data }) => data.data === what).length;
  };
  for (const admin of admins) {
    await until(() => shown(admin) > 0, 3000);
    await admin.settled();
    assertEquals(shown(admin), 1);
  }
}

function onFleet(name: string, test: (fleet: Fleet, random: Random) => Promise<void>): void {
  Deno.test({
    name,
    ignore: denokvProgram === undefined,
    fn: async () => {
      const random = seededRandom(name);
      await using denokv = await Denokv.start();
      await using fleet = await Fleet.start(PROCESSES, {
        KV_URL: denokv.url,
        LEASE_SECONDS: String(LEASE_SECONDS),
        ADMIN_SIGNING_KEY: SIGNING_KEY,
      });
      await test(fleet, random);
    },
  });
}
