import { AdminVerifier } from "./auth/admin.ts";
import { publicUserId } from "./auth/session.ts";
import { type Identity, TokenVerifier } from "./auth/tokens.ts";
import { Bus } from "./bus/bus.ts";
import { openBroadcastChannel, type OpenChannel } from "./bus/channel.ts";
import { createCommands } from "./commands/index.ts";
import { checkSubscriptions } from "./commands/subscribe.ts";
import type { CommandLimits } from "./commands/command.ts";
import { Committer } from "./committer/committer.ts";
import { Follower } from "./committer/follower.ts";
import { Connection, type ConnectionServices } from "./connection.ts";
import { Entrance, type Entry } from "./entrance.ts";
import { configMessage, connectionMessage, profileMessage } from "./hub/greeting.ts";
import { Heartbeat } from "./hub/heartbeat.ts";
import { Hub } from "./hub/hub.ts";
import type { Room } from "./hub/room.ts";
import type { Sink } from "./hub/outbox.ts";
import { type Past, type ReplayStart, subscribeFrom } from "./hub/replay.ts";
import { isStateTopic } from "./hub/room.ts";
import { CloseReasons } from "./protocol/close_codes.ts";
import { createFields, type Fields } from "./protocol/fields.ts";
import type { Settings } from "./settings.ts";
import { type AliveRecord, type Head, keys } from "./store/keys.ts";
import { Log } from "./store/log.ts";
import { StoredState } from "./store/state.ts";
import type { Store } from "./store/store.ts";

/** How long a shutdown waits for commits under way, in milliseconds. */
const FLUSH_MS = 2000;
/** How far apart clients are sent to come back after a restart, in milliseconds. */
const RETRY_SPREAD_MS = 5000;

/** What the server takes from outside, so that tests can turn it. */
export interface ServerOptions {
  readonly settings: Settings;
  readonly store: Store;
  /** Milliseconds since 1970. */
  readonly now?: () => number;
  readonly random?: () => number;
  readonly openChannel?: OpenChannel;
  /** Told of what is worth a line in the log. */
  readonly report?: (event: string, properties: Record<string, unknown>) => void;
}

/** What a connection asks for in its URL. */
export interface ConnectionRequest {
  readonly channelId?: string;
  /** Who a token has shown the connection to be; without one it is a public user. */
  readonly identity?: Identity;
  readonly batch: boolean;
  readonly topics: readonly string[];
  readonly start?: ReplayStart;
}

/** One isolate's Tallyroom: its rooms, its connections and its way to the store. */
export class Server {
  /** Names this life of this isolate. */
  readonly instance = crypto.randomUUID();
  readonly settings: Settings;
  readonly store: Store;
  readonly fields: Fields;
  readonly hub: Hub;
  readonly entrance: Entrance;
  readonly tokens: TokenVerifier;
  readonly connections = new Set<Connection>();
  readonly traffic = { received: 0 };
  /** Whether a shutdown has begun; nobody is let in any more. */
  draining = false;
  readonly #log: Log;
  readonly #past: Past;
  readonly #follower: Follower;
  readonly #committer: Committer;
  /** The way to other isolates; absent where the store is this one's alone. */
  readonly #bus: Bus | undefined;
  readonly #services: ConnectionServices;
  readonly #limits: CommandLimits;
  readonly #heartbeat: Heartbeat;
  readonly #now: () => number;
  readonly #random: () => number;

  constructor(options: ServerOptions) {
    const { settings, store, now = Date.now, random = Math.random } = options;
    this.settings = settings;
    this.store = store;
    this.#now = now;
    this.#random = random;
    this.#heartbeat = new Heartbeat(now);
    this.hub = new Hub(new StoredState(store), now);
    this.#log = new Log(store, {
      now,
      historySeconds: settings.HISTORY_SECONDS,
      historyLimit: settings.HISTORY_LIMIT,
    });
    this.#limits = {
      maxSubscriptions: settings.MAX_SUBSCRIPTIONS,
      maxRelays: settings.MAX_RELAYS,
      maxPollAnswers: settings.MAX_POLL_ANSWERS,
      maxTargets: settings.MAX_TARGETS,
    };
    this.#follower = new Follower(this.#log);
    const log = this.#log;
    this.#past = {
      read: log.read.bind(log),
      seekBack: log.seekBack.bind(log),
      oldest: log.oldest.bind(log),
      catchUp: (room) => this.#catchUp(room),
    };
    this.#committer = new Committer(this.hub, store, this.#log, this.#follower, {
      instance: this.instance,
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
    this.entrance = new Entrance(this.hub, this.#committer, {
      now,
      sessionSeconds: settings.SESSION_SECONDS,
      maxPerAddress: settings.MAX_CONNECTIONS_PER_ADDRESS,
    });
    this.fields = createFields({
      maxIdBytes: settings.MAX_ID_BYTES,
      maxDepth: settings.MAX_DEPTH,
      maxPropertiesBytes: settings.MAX_PROPERTIES_BYTES,
    });
    this.tokens = new TokenVerifier({
      secret: settings.JWT_SECRET,
      jwksUrl: settings.JWKS_URL,
      issuer: settings.JWT_ISSUER,
      audience: settings.JWT_AUDIENCE,
      leewaySeconds: settings.JWT_LEEWAY_SECONDS,
      now,
    });
    this.#services = {
      instance: this.instance,
      tokens: this.tokens,
      findCommand: createCommands(this.fields, this.#limits),
      committer: this.#committer,
      past: this.#past,
      limits: this.#limits,
      admins: new AdminVerifier(settings.ADMIN_SIGNING_KEY),
      now,
      onLeave: (connection) => this.#disconnect(connection),
      traffic: this.traffic,
      maxMessageBytes: settings.MAX_MESSAGE_BYTES,
      maxBufferedBytes: settings.MAX_BUFFERED_BYTES,
      rateLimit: settings.RATE_LIMIT,
      rateBurst: settings.RATE_BURST,
    };
  }

  #createBus({
    settings,
    openChannel = openBroadcastChannel,
    report = () => {},
  }: ServerOptions): Bus | undefined {
    if (settings.KV_PATH === ":memory:") return undefined;
    return new Bus(this.hub, this.#committer, this.#follower, this.store, {
      place: settings.KV_URL ?? settings.KV_PATH ?? "",
      openChannel,
      leaseMs: settings.LEASE_SECONDS * 1000,
      now: this.#now,
      about: () => ({
        instance: this.instance,
        rooms: this.hub.rooms.size,
        connections: this.connections.size,
        received: this.traffic.received,
      }),
      report,
    });
  }

  /** Connects an open socket to the place it has taken, and greets it. */
  connect(sink: Sink, { room, seat, details }: Entry, request: ConnectionRequest): Connection {
    const connection = new Connection(this.#services, {
      sink,
      room,
      seat,
      details,
      channelId: request.channelId ?? crypto.randomUUID(),
      userId: request.identity?.userId ?? publicUserId(seat.session),
      batch: request.batch,
    });
    this.connections.add(connection);
    this.#heartbeat.add(connection);
    room.add(connection);
    this.#greet(connection);
    if (request.identity) connection.expire(request.identity);
    if (request.topics.length > 0) this.#subscribe(connection, request);
    return connection;
  }

  /** @throws {ProtocolError} where a connection could not have all of `topics`. */
  checkTopics(topics: readonly string[]): void {
    checkSubscriptions({ topics: [] }, topics, this.#limits.maxSubscriptions);
  }

  /** Where a room's log stands; `undefined` for a room that nobody has ever entered. */
  async head(roomName: string): Promise<Head | undefined> {
    const room = this.hub.rooms.get(roomName);
    if (room && room.epoch !== "") return { epoch: room.epoch, offset: room.cursor };
    const { value } = await this.store.get<Head>(keys.head(roomName));
    return value ?? undefined;
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
      await this.#committer.change(room, () => ({}));
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

  /**
   * Sends everyone away to come back, commits what is under way, and takes leave of the other
   * isolates. Takes 2 s at the most.
   */
  async drain(): Promise<void> {
    this.draining = true;
    for (const { outbox } of this.connections) {
      const retry_ms = Math.round(this.#random() * RETRY_SPREAD_MS);
      outbox.send(JSON.stringify({ type: "draining", data: { retry_ms } }));
    }
    let timer: ReturnType<typeof setTimeout> | undefined;
    const tooLong = new Promise((resolve) => timer = setTimeout(resolve, FLUSH_MS));
    await Promise.race([this.#committer.flushed(), tooLong]);
    const left = this.#bus?.close();
    for (const connection of [...this.connections]) connection.close(CloseReasons.restarting);
    await Promise.race([left, tooLong]);
    clearTimeout(timer);
  }

  async #catchUp(room: Room): Promise<void> {
    const { value } = await this.store.get<Head>(keys.head(room.name));
    if (value) await this.#follower.follow(room, value);
  }

  #disconnect(connection: Connection): void {
    this.connections.delete(connection);
    this.#heartbeat.delete(connection);
    connection.room.remove(connection);
    this.entrance.giveBack(connection);
  }

  #greet(connection: Connection): void {
    const { outbox, room } = connection;
    outbox.send(connectionMessage(connection, this.instance));
    outbox.send(configMessage(room.config));
    outbox.send(profileMessage(connection));
  }

  /** Subscribes to what the URL names. There is no id to answer: a failure is an error message. */
  #subscribe(connection: Connection, { topics, start }: ConnectionRequest): void {
    const { room } = connection;
    const replayed = start ? topics.filter((topic) => !isStateTopic(topic)) : [];
    const work = topics.filter((topic) => !replayed.includes(topic))
      .map((topic) => room.subscribe(connection, topic));
    if (replayed.length > 0) {
      work.push(subscribeFrom(room, this.#past, connection, replayed, start!).then(() => {}));
    }
    for (const one of work) one.catch((error) => connection.fail(error));
  }
}
