import { AdminVerifier } from "./auth/admin.ts";
import { publicUserId } from "./auth/session.ts";
import { type Identity, TokenVerifier } from "./auth/tokens.ts";
import { Backend, type BackendOptions } from "./backend.ts";
import { Calls } from "./calls.ts";
import type { CommandLimits } from "./commands/command.ts";
import { type Commands, createCommands } from "./commands/index.ts";
import { checkSubscriptions } from "./commands/subscribe.ts";
import { Connection, type ConnectionServices } from "./connection.ts";
import { DirectMessages } from "./direct/direct_messages.ts";
import { People } from "./direct/people.ts";
import { Entrance, type Entry } from "./entrance.ts";
import { Functions } from "./functions/functions.ts";
import { configMessage, connectionMessage, profileMessage } from "./hub/greeting.ts";
import { Heartbeat } from "./hub/heartbeat.ts";
import type { Sink } from "./hub/outbox.ts";
import { type ReplayStart, subscribeFrom } from "./hub/replay.ts";
import { isStateTopic } from "./hub/room.ts";
import type { Extensions } from "./options.ts";
import { OPEN_POLICY, type Policy } from "./policy.ts";
import { CloseReasons } from "./protocol/close_codes.ts";
import { createFields, type Fields } from "./protocol/fields.ts";
import type { Json } from "./protocol/json.ts";
import { RateLimits } from "./rate_limits.ts";
import type { Settings } from "./settings.ts";
import { SocketEvents } from "./socket_events.ts";
import { DirectKeys } from "./store/direct_keys.ts";
import type { Store } from "./store/store.ts";

/** How long a shutdown waits for commits under way, in milliseconds. */
const FLUSH_MS = 2000;
/** How far apart clients are sent to come back after a restart, in milliseconds. */
const RETRY_SPREAD_MS = 5000;

/** What the server takes from outside, so that tests can turn it. */
export interface ServerOptions
  extends Extensions, Pick<BackendOptions, "settings" | "store" | "openChannel"> {
  /** Milliseconds since 1970. */
  readonly now?: () => number;
  readonly random?: () => number;
  /** Given to the handler. */
  readonly wsServer?: unknown;
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
  readonly instance: string = crypto.randomUUID();
  readonly settings: Settings;
  readonly store: Store;
  readonly backend: Backend;
  readonly fields: Fields;
  readonly entrance: Entrance;
  readonly tokens: TokenVerifier;
  readonly admins: AdminVerifier;
  readonly policy: Policy;
  readonly functions: Functions;
  readonly commands: Commands;
  readonly people: People;
  readonly direct: DirectMessages;
  /** Limits requests over HTTP, by who makes them. */
  readonly requests: RateLimits;
  readonly connections: Set<Connection> = new Set();
  readonly traffic = { received: 0 };
  /** Whether a shutdown has begun; nobody is let in any more. */
  draining = false;
  readonly now: () => number;
  readonly #random: () => number;
  readonly #services: ConnectionServices;
  readonly #limits: CommandLimits;
  readonly #heartbeat: Heartbeat;
  readonly #startedAt = performance.now();

  constructor(options: ServerOptions) {
    const { settings, store, now = Date.now, random = Math.random, report = () => {} } = options;
    const { instance } = this;
    this.settings = settings;
    this.store = store;
    this.now = now;
    this.#random = random;
    this.#heartbeat = new Heartbeat(now);
    const { openChannel } = options;
    const about = () => this.#about();
    const basics = { settings, store, instance, now, random };
    this.backend = new Backend({ ...basics, openChannel, about, report });
    const { hub, committer, past } = this.backend;
    this.requests = new RateLimits(settings.RATE_LIMIT, settings.RATE_BURST);
    this.policy = { ...OPEN_POLICY, ...options.policy };
    this.entrance = new Entrance(hub, committer, {
      now,
      sessionSeconds: settings.SESSION_SECONDS,
      maxPerAddress: settings.MAX_CONNECTIONS_PER_ADDRESS,
    });
    this.fields = createFields({
      maxIdBytes: settings.MAX_ID_BYTES,
      maxDepth: settings.MAX_DEPTH,
      maxPropertiesBytes: settings.MAX_PROPERTIES_BYTES,
      maxDataBytes: settings.MAX_MESSAGE_BYTES,
    });
    this.tokens = new TokenVerifier({
      secret: settings.JWT_SECRET,
      jwksUrl: settings.JWKS_URL,
      issuer: settings.JWT_ISSUER,
      audience: settings.JWT_AUDIENCE,
      leewaySeconds: settings.JWT_LEEWAY_SECONDS,
      now,
    });
    this.admins = new AdminVerifier(settings.ADMIN_SIGNING_KEY);
    this.people = new People(store, options.resolveUsers);
    this.direct = new DirectMessages({
      ...basics,
      keys: new DirectKeys(settings.DOMAIN_HANDLE),
      targets: hub.targets,
      peers: () => this.backend.peers,
      timeoutMs: settings.KV_TIMEOUT_MS,
      maxMembers: settings.MAX_TOPIC_MEMBERS,
    });
    this.functions = new Functions(options.functions ?? [], {
      backend: this.backend,
      stats: () => this.allStats(),
      now,
      timeoutMs: settings.FUNCTION_TIMEOUT_MS,
      maxPollAnswers: settings.MAX_POLL_ANSWERS,
      maxIdBytes: settings.MAX_ID_BYTES,
      maxDepth: settings.MAX_DEPTH,
    });
    this.#limits = {
      maxSubscriptions: settings.MAX_SUBSCRIPTIONS,
      maxRelays: settings.MAX_RELAYS,
      maxPollAnswers: settings.MAX_POLL_ANSWERS,
      maxTargets: settings.MAX_TARGETS,
    };
    this.commands = createCommands(this.fields, this.#limits);
    this.#services = {
      instance,
      now,
      committer,
      past,
      policy: this.policy,
      calls: new Calls({
        functions: this.functions,
        users: hub.targets.users,
        handler: options.handler,
        wsServer: options.wsServer,
        send: ({ room }, target, frame) => committer.send(room, target, frame),
      }),
      events: new SocketEvents(settings.SOCKET_EVENTS, options.events ?? {}),
      identify: (token) => this.identify(token),
      findCommand: this.commands.find,
      limits: this.#limits,
      admins: this.admins,
      onLeave: (connection) => this.#disconnect(connection),
      traffic: this.traffic,
      maxCalls: settings.MAX_CALLS,
      maxMessageBytes: settings.MAX_MESSAGE_BYTES,
      maxBufferedBytes: settings.MAX_BUFFERED_BYTES,
      rateLimit: settings.RATE_LIMIT,
      rateBurst: settings.RATE_BURST,
    };
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

  /**
   * Who a token is for, whose word on that user is taken.
   *
   * @throws {ProtocolError} for a token that does not hold.
   */
  async identify(token: string): Promise<Identity> {
    const identity = await this.tokens.verify(token);
    // Nobody waits for what it says of its user to be stored.
    this.people.note(identity).catch(() => {});
    return identity;
  }

  /** How many users, connections and rooms are here, and what has been done for them. */
  stats(): { [name: string]: Json } {
    const { heapUsed, rss } = Deno.memoryUsage();
    return {
      instance: this.instance,
      uptime_seconds: Math.round((performance.now() - this.#startedAt) / 1000),
      rooms: this.backend.hub.rooms.size,
      users: this.backend.hub.targets.users.size,
      connections: this.connections.size,
      messages_received: this.traffic.received,
      store: { ...this.store.calls, away: this.store.away },
      memory: { heap_used: heapUsed, rss },
    };
  }

  /** The same, with what the other isolates last said of themselves. */
  async allStats(): Promise<{ [name: string]: Json }> {
    const isolates = await this.backend.isolates().catch(() => []);
    return {
      ...this.stats(),
      isolates: isolates.map(({ instance, at, rooms, connections, received }) => {
        return { instance, at, rooms, connections, messages_received: received };
      }),
    };
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
    const flushed = Promise.all([this.backend.committer.flushed(), this.direct.flushed()]);
    await Promise.race([flushed, tooLong]);
    const left = this.backend.close();
    for (const connection of [...this.connections]) connection.close(CloseReasons.restarting);
    await Promise.race([left, tooLong]);
    clearTimeout(timer);
  }

  #about(): ReturnType<BackendOptions["about"]> {
    return {
      instance: this.instance,
      rooms: this.backend.hub.rooms.size,
      connections: this.connections.size,
      received: this.traffic.received,
    };
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
      work.push(
        subscribeFrom(room, this.backend.past, connection, replayed, start!).then(() => {}),
      );
    }
    for (const one of work) one.catch((error) => connection.fail(error));
  }
}
