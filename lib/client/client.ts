import { addressOf, roomOf } from "./address.ts";
import type {
  Action,
  Client,
  ClientOptions,
  Connection,
  Events,
  Json,
  Listener,
  Message,
  Profile,
  Status,
  UserStatus,
} from "./api.ts";
import { Attention } from "./attention.ts";
import { callAll, Emitter } from "./emitter.ts";
import { Outgoing } from "./outgoing.ts";
import { keptSession } from "./session.ts";
import { CLOSED, Socket } from "./socket.ts";
import { Subscriptions } from "./subscriptions.ts";

export type * from "./api.ts";

/**
 * Connects to a room of a Tallyroom server.
 *
 * @example
 * ```ts
 * import { createClient } from "./client.ts";
 *
 * const client = createClient({ endPoint: "ws://localhost:8000", room: "demo" });
 * client.subscribe("chat", ({ message, user }) => console.log(user.suffix, message));
 * client.chat("Hello").catch(({ error }) => console.error(error.code));
 * client.close();
 * ```
 */
export function createClient(options: ClientOptions): Client {
  return new RoomClient(options);
}

type StatusChange = { status: Status; previousStatus: Status };

class RoomClient implements Client {
  readonly room: string;
  readonly ready: Promise<Profile>;
  readonly #options: ClientOptions;
  readonly #session: ReturnType<typeof keptSession>;
  readonly #socket: Socket;
  readonly #attention: Attention;
  readonly #outgoing = new Outgoing((text) => this.#transmitText(text));
  readonly #subscriptions = new Subscriptions({
    transmit: (message) => this.#transmit(message),
    onIncomplete: (event, subscribed) => {
      this.#emit({ type: "incomplete", data: { event, ...subscribed } });
    },
    onFailure: (event, error) => this.#emit({ type: "error", data: { event, ...error } }),
  });
  // deno-lint-ignore no-explicit-any -- each listener has the data of its own type
  readonly #events = new Emitter<any[]>();
  readonly #statusListeners = new Set<(change: StatusChange) => void>();
  readonly #greeted = Promise.withResolvers<Profile>();
  #status: Status = "CONNECTING";
  #sessionId: string;
  #connection: Connection | undefined;
  #profile: Profile | undefined;
  #ended = false;

  constructor(options: ClientOptions) {
    this.#options = options;
    this.room = roomOf(options);
    this.#session = keptSession(options);
    this.#sessionId = this.#session.id;
    this.ready = this.#greeted.promise;
    // Whoever does not wait for it need not hear that it never came.
    this.ready.catch(() => {});
    this.#attention = new Attention((away) => this.#tellAttention(away));
    this.#socket = new Socket({
      address: () => this.#address(),
      onMessage: (message) => this.#receive(message),
      onLost: (final, reason) => this.#lose(final, reason),
    });
  }

  get isConnected(): boolean {
    return this.#status === "ONLINE" || this.#status === "AWAY";
  }

  getStatus(): Status {
    return this.#status;
  }

  onStatusChange(listener: (change: StatusChange) => void): () => void {
    const own: typeof listener = (change) => listener(change);
    this.#statusListeners.add(own);
    return () => void this.#statusListeners.delete(own);
  }

  // deno-lint-ignore no-explicit-any -- each listener has the data of its own type
  on(type: string, listener: Listener<any>): void {
    this.#events.add(type, listener);
  }

  // deno-lint-ignore no-explicit-any -- each listener has the data of its own type
  off(type: string, listener?: Listener<any>): void {
    this.#events.remove(type, listener);
  }

  send(typeOrMessage: string | Message, data?: Json): Promise<Json> {
    const message = typeof typeOrMessage === "string"
      ? { type: typeOrMessage, data }
      : typeOrMessage;
    return this.#outgoing.send(message);
  }

  signal(event: string, data: Json = null): void {
    this.#transmit({ type: "signal", data: { event, data } });
  }

  subscribe(
    topic: string,
    // deno-lint-ignore no-explicit-any -- the listener has the data of its topic
    listener: Listener<any>,
    options?: { since?: string; epoch?: string; history?: number },
  ): () => void {
    return this.#subscriptions.add(topic, listener, options);
  }

  broadcast(action: Action): Promise<Json> {
    return this.send({ type: "siblings", data: action as Json });
  }

  sendToUser(
    action: Action,
    to: string | number | readonly (string | number)[],
  ): Promise<Json> {
    const user_ids = (Array.isArray(to) ? to : [to]).map(String);
    return this.send({ type: "user", user_ids, data: action as Json });
  }

  sendToServer(action: Action): Promise<Json> {
    return this.send("call", action as Json);
  }

  chat(message: Json): Promise<Json> {
    return this.send("chat", message);
  }

  vote(id: string, answer: string, { ephemeral = false } = {}): Promise<Json> {
    return this.send(ephemeral ? "ephemeralPoll" : "poll", { id, answer });
  }

  counter(id: string, by: number | string = 1): Promise<Json> {
    return this.send("counter", { id, value: by });
  }

  login(properties: { [name: string]: Json }): Promise<Json> {
    return this.send("login", properties);
  }

  async profile(): Promise<Profile> {
    await this.send("profile");
    return this.#profile!;
  }

  close(): void {
    this.#socket.close();
  }

  async #address(): Promise<string> {
    const { token } = this.#options;
    const given = typeof token === "function" ? await token() : token;
    return addressOf(this.#options, this.#sessionId, given);
  }

  /** Sends at once, if the server has greeted; else it is sent then, if it matters. */
  #transmit(message: Message): void {
    this.#transmitText(JSON.stringify(message));
  }

  #transmitText(text: string): void {
    if (this.#connection) this.#socket.send(text);
  }

  #receive(message: Message): void {
    const { type, data, id } = message;
    if (type === "ack" || type === "error") {
      if (id !== undefined) {
        if (this.#outgoing.settle(message) || this.#subscriptions.settle(message)) return;
      } else if ((data as unknown as Events["error"]).code === "message_too_large") {
        if (this.#outgoing.refuseLargest(data!)) return;
      }
    } else if (type === "ping" || type === "pong") {
      return;
    } else if (type === "connection") {
      this.#meet(data as unknown as Connection);
    } else if (type === "profile") {
      this.#takeProfile(data as unknown as Profile);
    } else if (type === "STATUS_CHANGE") {
      this.#takeStatus(data as unknown as UserStatus);
    }
    this.#emit(message);
  }

  #emit(message: Message): void {
    const data = "data" in message ? message.data : message;
    if (message.type !== undefined) this.#events.emit(message.type, data, message);
    this.#events.emit("*", data, message);
    this.#subscriptions.deliver(message);
  }

  /** Takes who and where this is; the first time over a connection, all that waits is sent. */
  #meet(connection: Connection): void {
    const first = !this.#connection;
    this.#connection = connection;
    if (!first) return this.#subscriptions.stands(connection.offset);
    if (this.#attention.away) this.#tellAttention(true);
    this.#subscriptions.resume(connection.epoch, connection.offset);
    this.#outgoing.resend();
    // Last, for what those who are told send then has not waited.
    this.#change(this.#attention.away ? "AWAY" : "ONLINE");
  }

  #takeProfile(profile: Profile): void {
    this.#profile = profile;
    this.#sessionId = profile.id;
    this.#session.keep(profile.id);
    this.#greeted.resolve(profile);
  }

  /** The user is online while any of its connections is: the server knows of the others. */
  #takeStatus({ user_id, status }: UserStatus): void {
    if (user_id === this.#connection?.user_id && status !== "OFFLINE") this.#change(status);
  }

  #tellAttention(away: boolean): void {
    this.#transmit({ type: "status", data: away ? "AWAY" : "ONLINE" });
  }

  #lose(final: boolean, reason: string): void {
    this.#connection = undefined;
    this.#subscriptions.lost();
    if (final && !this.#ended) {
      this.#ended = true;
      this.#attention.end();
      this.#outgoing.end(reason);
      this.#greeted.reject(Object.assign(new Error(reason), { code: "closed" }));
      if (reason !== CLOSED) {
        this.#emit({ type: "error", data: { code: "closed", message: reason } });
      }
    }
    this.#change(final ? "OFFLINE" : "CONNECTING");
  }

  #change(status: Status): void {
    const previousStatus = this.#status;
    if (status === previousStatus) return;
    this.#status = status;
    callAll(this.#statusListeners, { status, previousStatus });
  }
}
