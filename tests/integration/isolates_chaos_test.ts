import { assert, assertEquals } from "@std/assert";
import { Crowd } from "../harness/crowd.ts";
import { Denokv, denokvProgram } from "../harness/denokv.ts";
import { Fleet } from "../harness/fleet.ts";
import { longestWait } from "../harness/history.ts";
import { type Random, seededRandom } from "../harness/random.ts";
import { SlowProxy } from "../harness/slow_proxy.ts";
import { pause } from "../harness/util.ts";

const PROCESSES = 3;
const TALKERS = 18;
/** The longest pause of a talker between bursts: all together say some 200 things a second. */
const PAUSE_MS = 500;

interface Chaos {
  readonly random: Random;
  readonly denokv: Denokv;
  readonly proxy: SlowProxy;
  readonly fleet: Fleet;
  readonly crowd: Crowd;
}

chaos(
  "processes that are killed under load lose and double nothing, and hold up nobody",
  { processes: PROCESSES, leaseSeconds: 3 },
  async ({ fleet, crowd, random }) => {
    await crowd.talk(TALKERS, PAUSE_MS);
    for (let kills = 0; kills < 5; kills++) {
      await pause(500 + random.below(1500));
      // Now and then two at once, and whoever is left carries on alone.
      const spared = random.below(PROCESSES);
      const struck = fleet.processes.filter((_, i) => i !== spared);
      const dying = random.below(3) === 0 ? struck : [random.pick(fleet.processes)];
      await Promise.all(dying.map((server) => fleet.kill(server)));
      await pause(500 + random.below(2500));
      await Promise.all(dying.map((server) => fleet.restart(server)));
    }
    const { faults, longestWaitMs } = await crowd.finish();
    assertEquals(faults, []);
    assert(longestWaitMs < 3000, `somebody waited ${longestWaitMs} ms for an ack`);
  },
);

chaos(
  "a process that stands still past its lease loses and doubles nothing, nor its sockets",
  { processes: PROCESSES, leaseSeconds: 2 },
  async ({ fleet, crowd, random }) => {
    const talkers = await crowd.talk(TALKERS, PAUSE_MS, fleet.processes);
    // The last is never stopped, and its clients shall not notice.
    const steady = fleet.processes.at(-1)!;
    const others = fleet.processes.filter((server) => server !== steady);
    for (let stops = 0; stops < 2; stops++) {
      await pause(500 + random.below(1000));
      await fleet.freeze(random.pick(others), 5000);
    }
    await pause(500);
    assertEquals((await crowd.finish()).faults, []);
    assertEquals(talkers.map(({ lost }) => lost), talkers.map(() => 0));
    const unhurt = talkers.filter(({ options }) => options.port() === steady.port);
    const names = new Set(unhurt.map(({ options }) => options.name));
    const waitedMs = longestWait(crowd.history.entries, (client) => names.has(client));
    console.log(`those on the process that never stopped waited for ${Math.round(waitedMs)} ms`);
    assert(waitedMs < 2000, `a process that stood still held up others for ${waitedMs} ms`);
  },
);

chaos(
  "a store that is killed, silent or slow under load costs neither a socket nor a message",
  { processes: Math.min(2, PROCESSES), leaseSeconds: 2, slow: true },
  async ({ fleet, crowd, random, denokv, proxy }) => {
    const killed = async (ms: number): Promise<void> => {
      await denokv.kill();
      await pause(ms);
      await denokv.run();
    };
    const silent = async (ms: number): Promise<void> => {
      denokv.pause();
      await pause(ms);
      denokv.resume();
    };
    const slow = async (ms: number): Promise<void> => {
      // Too slow for the deadline, sometimes: it is twice that there and back.
      const delayMs = random.pick([20, 100, 600]);
      proxy.delay = () => delayMs;
      await pause(ms);
      proxy.delay = () => 0;
    };
    const talkers = await crowd.talk(TALKERS, PAUSE_MS, fleet.processes);
    // Both of the first kinds, once, for longer than the lease.
    const outages = [killed, silent].map((outage) => () => outage(3000));
    for (const outage of [killed, silent, slow, slow]) {
      outages.push(() => outage(200 + random.below(1500)));
    }
    while (outages.length > 0) {
      await pause(300 + random.below(700));
      await outages.splice(random.below(outages.length), 1)[0]!();
    }
    await pause(500);
    assertEquals((await crowd.finish()).faults, []);
    assertEquals(talkers.map(({ lost }) => lost), talkers.map(() => 0));
    assert(crowd.history.count("refused") > 0);
  },
);

chaos(
  "a store whose answers take now long, now short lets nobody wait for ever",
  { processes: PROCESSES, leaseSeconds: 3, slow: true },
  async ({ fleet, crowd, random, proxy }) => {
    proxy.delay = () => random.below(30);
    // A commit takes some 50 ms, and one of 10 checks carries few messages with keys.
    const talkers = await crowd.talk(TALKERS, 4 * PAUSE_MS, fleet.processes);
    await pause(5000);
    const { faults, longestWaitMs } = await crowd.finish();
    assertEquals(faults, []);
    assertEquals(talkers.map(({ lost }) => lost), talkers.map(() => 0));
    assert(longestWaitMs < 3000, `somebody waited ${longestWaitMs} ms for an ack`);
  },
);

/** A test on several processes, which reach their `denokv` directly unless `slow` is set. */
function chaos(
  name: string,
  options: { processes: number; leaseSeconds: number; slow?: boolean },
  test: (chaos: Chaos) => Promise<void>,
): void {
  Deno.test({
    name,
    ignore: denokvProgram === undefined,
    fn: async () => {
      const random = seededRandom(name);
      await using denokv = await Denokv.start();
      await using proxy = new SlowProxy(Number(new URL(denokv.url).port));
      await using fleet = await Fleet.start(options.processes, {
        KV_URL: options.slow ? proxy.url : denokv.url,
        KV_TIMEOUT_MS: "1000",
        LEASE_SECONDS: String(options.leaseSeconds),
      });
      await using crowd = new Crowd(fleet, random);
      await test({ random, denokv, proxy, fleet, crowd });
    },
  });
}
