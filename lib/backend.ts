import { Bus } from "./bus/bus.ts";
import { openBroadcastChannel, type OpenChannel } from "./bus/channel.ts";
import { Committer } from "./committer/committer.ts";
import { Follower } from "./committer/follower.ts";
import type { Peers } from "./committer/peers.ts";
import { Hub } from "./hub/hub.ts";
import type { Past } from "./hub/replay.ts";
import type { Room } from "./hub/room.ts";
import type { Settings } from "./settings.ts";
import { type AliveRecord, type Head, keys } from "./store/keys.ts";
import { Log } from "./store/log.ts";
import { StoredState } from "./store/state.ts";
import type { Store } from "./store/store.ts";

export interface BackendOptions {
  readonly settings: Settings;
  readonly store: Store;
  /** Names this life of this isolate. */
  readonly instance: string;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly random: () => number;
  readonly openChannel?: OpenChannel;
  /** What other isolates may know of this one. */
  readonly about: () => Omit<AliveRecord, "at" | "dead">;
  readonly report: (event: string, properties: Record<string, unknown>) => void;
}

/** An isolate's rooms without their connections: the hub, and its ways to the store and to others. */
export class Backend {
  readonly store: Store;
  readonly state: StoredState;
  readonly hub: Hub;
  readonly log: Log;
  readonly past: Past;
  readonly committer: Committer;
  readonly #follower: Follower;
  /** The way to other isolates; absent where the store is this one's alone. */
  readonly #bus: Bus | undefined;

  constructor(options: BackendOptions) {
    const { settings, store, instance, now, random } = options;
    this.store = store;
    this.state = new StoredState(store);
    this.hub = new Hub(this.state, now);
    const log = new Log(store, {
      now,
      historySeconds: settings.HISTORY_SECONDS,
      historyLimit: settings.HISTORY_LIMIT,
    });
    this.log = log;
    this.#follower = new Follower(log);
    this.past = {
      read: log.read.bind(log),
      seekBack: log.seekBack.bind(log),
      oldest: log.oldest.bind(log),
      catchUp: (room) => this.#catchUp(room),
    };
    this.committer = new Committer(this.hub, store, log, this.#follower, {
      instance,
      lanes: store.lanes,
      now,
      random,
      newEpoch: () => crypto.randomUUID(),
      timeoutMs: settings.KV_TIMEOUT_MS,
      historySeconds: settings.HISTORY_SECONDS,
      sessionSeconds: settings.SESSION_SECONDS,
      maxPollAnswers: settings.MAX_POLL_ANSWERS,
      maxPeers: settings.MAX_ISOLATES_PER_ROOM,
      peers: () => this.#bus,
    });
    this.#bus = this.#createBus(options);
    this.hub.outside = this.#bus?.link;
  }

  /** The other isolates on the same store, if there can be any. */
  get peers(): Peers | undefined {
    return this.#bus;
  }

  /** Where a room's log stands; `undefined` for a room that nobody has ever entered. */
  async head(roomName: string): Promise<Head | undefined> {
    const room = this.hub.rooms.get(roomName);
    if (room && room.epoch !== "") return { epoch: room.epoch, offset: room.cursor };
    const { value } = await this.store.get<Head>(keys.head(roomName));
    return value ?? undefined;
  }

  /** The last events of a room's log as their frames, oldest first. */
  async last(roomName: string, count: number): Promise<string[]> {
    const { offset = 0 } = await this.head(roomName) ?? {};
    const from = Math.max(this.log.oldest(offset), offset - count + 1);
    const entries = await this.log.readAll(roomName, from, offset + 1);
    return entries.map(({ frame }) => frame);
  }

  /**
   * Shows `see` a room with what all isolates in it hold; `undefined` for one that nobody is in. For
   * a room that only others have members in, this isolate joins it for a moment.
   */
  async view<T>(roomName: string, see: (room: Room | undefined) => T): Promise<T> {
    const here = this.hub.rooms.get(roomName);
    if (here?.sharing?.joined || !this.#bus) {
      await here?.sharing?.known();
      return see(here);
    }
    const { value: roster } = await this.store.get<string[]>(keys.roster(roomName));
    if (!roster) return see(here);
    const room = this.hub.hold(roomName);
    try {
      await this.committer.change(room, () => ({}));
      await room.sharing!.known();
      return see(room);
    } finally {
      this.hub.release(room);
    }
  }

  /** What each isolate last said of itself, while there are others. */
  async isolates(): Promise<AliveRecord[]> {
    return await this.#bus?.peers() ?? [];
  }

  /** Takes leave of the other isolates. */
  async close(): Promise<void> {
    await this.#bus?.close();
  }

  #createBus({
    settings,
    openChannel = openBroadcastChannel,
    now,
    about,
    report,
  }: BackendOptions): Bus | undefined {
    if (settings.KV_PATH === ":memory:") return undefined;
    return new Bus(this.hub, this.committer, this.#follower, this.store, {
      place: settings.KV_URL ?? settings.KV_PATH ?? "",
      openChannel,
      leaseMs: settings.LEASE_SECONDS * 1000,
      now,
      about,
      report,
    });
  }

  async #catchUp(room: Room): Promise<void> {
    const { value } = await this.store.get<Head>(keys.head(room.name));
    if (value) await this.#follower.follow(room, value);
  }
}
