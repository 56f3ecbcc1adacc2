import type { Fleet } from "./fleet.ts";
import { check, History, longestWait } from "./history.ts";
import type { ServerProcess } from "./process.ts";
import type { Random } from "./random.ts";
import { Talker, type TalkerOptions } from "./talker.ts";
import { until } from "./until.ts";
import { pause, range } from "./util.ts";

/** How long everyone may take to be answered, and to see it all, once all is well and quiet. */
const SETTLE_MS = 10_000;

/** Talkers in one room of a fleet's, and their history. */
export class Crowd implements AsyncDisposable {
  readonly history = new History();
  /** Those that are there. */
  readonly talkers = new Set<Talker>();
  readonly #end = new AbortController();
  readonly #talking: Promise<void>[] = [];

  constructor(readonly fleet: Fleet, readonly random: Random, readonly room = "crowd") {}

  /** Has somebody join: at `home`, and nowhere else, or at any process that runs. */
  async join(
    name: string,
    options: Partial<TalkerOptions> & { home?: ServerProcess } = {},
  ): Promise<Talker> {
    const { home, ...others } = options;
    const { history, random, room, fleet } = this;
    const port = (): number => (home ?? random.pick(fleet.running)).port;
    const talker = await Talker.join({ name, room, history, random, port, ...others });
    this.talkers.add(talker);
    return talker;
  }

  /**
   * Has `count` join and talk at once, with pauses up to `pauseMs`, until the crowd's end: each
   * at one of `homes` all the time, or at any process.
   */
  async talk(count: number, pauseMs: number, homes?: readonly ServerProcess[]): Promise<Talker[]> {
    return await Promise.all(
      range(1, count).map(async (i) => {
        const talker = await this.join(`talker-${i}`, { home: homes?.[i % homes.length] });
        this.#talking.push(talker.talk(this.#end.signal, pauseMs));
        return talker;
      }),
    );
  }

  /** Has somebody leave, who is looked at no more. */
  async part(talker: Talker): Promise<void> {
    this.talkers.delete(talker);
    await talker.leave();
  }

  /** The newest offset that anybody here has seen. */
  get head(): number {
    return Math.max(...[...this.talkers].map(({ view }) => view.offset));
  }

  /**
   * Ends all talk, has somebody read it all on every process, waits until everyone has seen the
   * same, and checks the history.
   */
  async finish(): Promise<{ faults: string[]; longestWaitMs: number }> {
    this.#end.abort();
    await Promise.all(this.#talking);
    const everyone = (): Talker[] => [...this.talkers];
    await until(() => everyone().every(({ unanswered }) => unanswered === 0), SETTLE_MS);
    const { processes } = this.fleet;
    await Promise.all(processes.map((home, i) => this.join(`reader-${i}`, { home, since: 0 })));
    const views = (): Set<string> => new Set(everyone().map(({ view }) => JSON.stringify(view)));
    await until(() => views().size === 1, SETTLE_MS);
    // Whatever comes now is too much.
    await pause(100);
    const { history } = this;
    const faults = check(history.entries);
    const longestWaitMs = Math.round(longestWait(history.entries));
    console.log(
      `${history.count("ack")} acks, ${history.count("refused")} refusals, ` +
        `${history.count("see")} sights, ${history.count("lose")} connections lost, ` +
        `longest wait ${longestWaitMs} ms; ${[...views()].join(" / ")}`,
    );
    if (faults.length > 0) console.log(processes.map(({ output }) => output).join(""));
    return { faults, longestWaitMs };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#end.abort();
    await Promise.all([...this.talkers].map((talker) => talker.leave()));
  }
}
