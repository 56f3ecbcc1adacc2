import { pollMessage } from "../protocol/state.ts";
import { isStateEvent, parseTopic } from "../protocol/topic.ts";
import type { StateEvent, StateRef, StoredStateEvent } from "../protocol/topic.ts";
import type { Member } from "./member.ts";
import type { EphemeralPolls } from "./ephemeral_polls.ts";
import type { Subscriptions } from "./subscriptions.ts";

/** Reads state that is stored, as it is sent. */
export interface StateReader {
  /** The newest state of each of `refs`, as the messages to send, in their order. */
  read(room: string, refs: readonly StateRef[]): Promise<string[]>;
  /** The ids that exist of one kind of state. */
  ids(room: string, event: StoredStateEvent): Promise<string[]>;
  /** Resolves when reading is worth another try. */
  retry(): Promise<void>;
}

/** What the feed needs of its room. */
export interface FedRoom {
  readonly name: string;
  readonly subscriptions: Subscriptions;
  readonly ephemeralPolls: EphemeralPolls;
}

/**
 * How many states a new subscriber of all of a room's is sent between looks at its outbox. A poll
 * of many long answers takes a quarter of a megabyte.
 */
const CHUNK: Record<StateEvent, number> = { counter: 100, poll: 3, ephemeralPoll: 3, data: 3 };

/** More states than this are only remembered while somebody is subscribed to them. */
const MAX_TOLD = 1000;

/** A state as it was last told. */
interface Told {
  readonly frame: string;
  /** Those who have been told of it, if not everyone subscribed has. */
  readonly knowing?: WeakSet<Member>;
}

/** A state to be read, and for whom. */
interface Demand {
  readonly ref: StateRef;
  /** Whether it may have changed, and so is for everyone subscribed who does not know it yet. */
  changed: boolean;
  /** Those who have just subscribed and are sent it in any case. */
  readonly newcomers: Set<Member>;
}

/**
 * Sends subscribers the newest state of counters, polls and the room's data. One reading is under way at a time and
 * each begins after what it tells of was committed, so nobody's view goes back, the last state
 * always arrives, and under load many changes cost one reading and one message. What has been told
 * already is not told again.
 */
export class StateFeed {
  #demands = new Map<string, Demand>();
  /** By topic. The news of a change may come by several ways, and after who asks has seen it. */
  readonly #told = new Map<string, Told>();
  /** Topic → those who have subscribed to it since the reading under way began. */
  #late = new Map<string, Set<Member>>();
  /** Settles when what is demanded now has been sent. */
  #round = Promise.withResolvers<void>();
  #running = false;

  constructor(readonly room: FedRoom, readonly reader: StateReader) {}

  /** Notes that a state has changed. Costs nothing when nobody is subscribed to it. */
  touch(event: StateEvent, id: string): void {
    if (!this.room.subscriptions.wanted(`${event}:${id}`)) return;
    this.#demand({ event, id }).changed = true;
    this.#run();
  }

  /** Notes that any state may have changed. */
  touchAll(): void {
    for (const topic of this.room.subscriptions.topics()) {
      const { event, id } = parseTopic(topic);
      if (!isStateEvent(event)) continue;
      if (id !== undefined) this.touch(event, id);
      else this.#touchKind(event).catch(() => {});
    }
  }

  /**
   * Sends one member the state of everything `topic` matches, and resolves when that is done. A
   * topic with an id always has a state: that of an unused counter is 0.
   */
  async request(member: Member, topic: string): Promise<void> {
    this.#late.set(topic, (this.#late.get(topic) ?? new Set()).add(member));
    const { event, id } = parseTopic(topic) as { event: StateEvent; id?: string };
    const ids = id === undefined ? await this.#ids(event) : [id];
    const chunk = CHUNK[event];
    for (let i = 0; i < ids.length; i += chunk) {
      for (const one of ids.slice(i, i + chunk)) {
        this.#demand({ event, id: one }).newcomers.add(member);
      }
      const { promise: sent } = this.#round;
      this.#run();
      await sent;
      if (i + chunk < ids.length && !await member.outbox.drained()) return;
    }
  }

  #demand(ref: StateRef): Demand {
    const topic = `${ref.event}:${ref.id}`;
    const demand = this.#demands.get(topic) ?? { ref, changed: false, newcomers: new Set() };
    this.#demands.set(topic, demand);
    return demand;
  }

  #run(): void {
    if (this.#running) return;
    this.#running = true;
    this.#passes();
  }

  async #passes(): Promise<void> {
    // Everything that this tick still commits shall be in the first reading.
    await Promise.resolve();
    while (this.#demands.size > 0) {
      const demands = this.#demands;
      const round = this.#round;
      this.#demands = new Map();
      this.#late = new Map();
      this.#round = Promise.withResolvers();
      try {
        const refs = [...demands.values()].map((demand) => demand.ref);
        const frames = await this.#read(refs);
        let i = 0;
        for (const [topic, demand] of demands) this.#send(topic, demand, frames[i++]!);
        round.resolve();
      } catch {
        this.#round.promise.then(round.resolve);
        for (const { ref, changed, newcomers } of demands.values()) {
          const demand = this.#demand(ref);
          demand.changed ||= changed;
          for (const member of newcomers) demand.newcomers.add(member);
        }
        await this.reader.retry();
      }
    }
    // In the tick that found nothing more to do: what comes after begins anew.
    this.#running = false;
  }

  /** The newest states. Ephemeral ones are here and not in the store, and are read last. */
  async #read(refs: readonly StateRef[]): Promise<string[]> {
    const stored = refs.filter(({ event }) => event !== "ephemeralPoll");
    const frames = stored.length > 0 ? await this.reader.read(this.room.name, stored) : [];
    return refs.map(({ event, id }) => {
      if (event !== "ephemeralPoll") return frames.shift()!;
      return pollMessage(event, id, this.room.ephemeralPolls.stats(id));
    });
  }

  async #touchKind(event: StateEvent): Promise<void> {
    for (const id of await this.#ids(event)) this.touch(event, id);
  }

  #ids(event: StateEvent): Promise<string[]> | string[] {
    if (event === "ephemeralPoll") return this.room.ephemeralPolls.ids();
    return this.reader.ids(this.room.name, event);
  }

  #send(topic: string, { changed, newcomers }: Demand, frame: string): void {
    const before = this.#told.get(topic);
    const same = before?.frame === frame;
    const knowing = same ? before.knowing : new WeakSet<Member>();
    if (changed && knowing) {
      // What was read before they came may be older than what they know; they get a newer one.
      const late = [topic, parseTopic(topic).event].map((one) => this.#late.get(one));
      this.room.subscriptions.forEach(topic, (member) => {
        if (newcomers.has(member) || late.some((members) => members?.has(member))) return;
        if (!knowing.has(member)) member.outbox.send(frame);
      });
      this.#remember(topic, { frame });
    } else if (knowing) {
      for (const member of newcomers) knowing.add(member);
      this.#remember(topic, { frame, knowing });
    }
    for (const member of newcomers) member.outbox.send(frame);
  }

  #remember(topic: string, told: Told): void {
    if (this.#told.size >= MAX_TOLD) {
      for (const one of this.#told.keys()) {
        if (!this.room.subscriptions.wanted(one)) this.#told.delete(one);
      }
    }
    this.#told.set(topic, told);
  }
}
