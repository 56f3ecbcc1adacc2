/** Any value that JSON can say. */
export type Json = string | number | boolean | null | Json[] | { [key: string]: Json };

/** A message as it goes over the socket. */
export interface Message {
  type?: string;
  /** In place of a type: `data:get:KEY`, or a name that a handler on the server takes. */
  event?: string;
  data?: Json;
  /** Makes the message take effect once, however often it is sent. A client gives one itself. */
  key?: string;
  [field: string]: Json | undefined;
}

/** An action of the application's own: a type, and whatever belongs to it. */
export interface Action {
  type: string;
  [field: string]: Json | undefined;
}

/** What the server answers to a subscription. */
export interface Subscribed {
  /** How many past events have come first. */
  replayed: number;
  /** Whether those were all: not, if the server no longer has them. */
  complete: boolean;
}

/** A session as its owner sees it. */
export interface Profile {
  /** The session's id, a secret. */
  id: string;
  /** A small number, unique in the room. */
  suffix: number;
  properties: { [name: string]: Json };
  role: "user" | "admin";
  connectionDetails: { address?: string; region?: string; userAgent?: string; language?: string };
}

/** A message's author, as everyone may know it. */
export interface Author {
  suffix: number;
  properties: { [name: string]: Json };
}

/** Who and where a connection is. */
export interface Connection {
  client_id: string;
  root_id: string;
  user_id: string;
  channel_id: string;
  room: string;
  instance: string;
  epoch: string;
  offset: string;
}

/** A connection in the room, as everyone may know it. */
export interface PresentMember {
  client_id: string;
  user_id: string;
  suffix: number;
  properties: { [name: string]: Json };
  status: "ONLINE" | "AWAY";
}

/** A user's status, with its times in milliseconds since 1970. */
export interface UserStatus {
  user_id: string;
  status: "ONLINE" | "AWAY" | "OFFLINE";
  previousStatus: "ONLINE" | "AWAY" | "OFFLINE";
  onlineSinceTs: number | null;
  lastOnlineTs: number | null;
  awaySinceTs: number | null;
}

/** The `data` of the server's messages by their types; all others are the application's own. */
export interface Events {
  connection: Connection;
  profile: Profile;
  config: string;
  chat: { message: Json; user: Author };
  poll: { id: string; stats: { [answer: string]: number } };
  ephemeralPoll: { id: string; stats: { [answer: string]: number } };
  /** `value` is a decimal as text. */
  counter: { id: string; value: string };
  signal: { event: string; data: Json; user?: Author };
  presence: {
    event: "state" | "join" | "leave" | "update";
    count: number;
    members: PresentMember[];
  };
  STATUS_CHANGE: UserStatus;
  /** With an `event`, the server has refused to subscribe to that. */
  error: { code: string; message: string; path?: string; event?: string };
  draining: { retry_ms: number };
  /** From the client itself: past events of a subscription that the server has forgotten. */
  incomplete: { event: string } & Subscribed;
}

/** Called with a message's `data`, or with all of it where it has none, and with the message. */
export type Listener<Data> = (data: Data, message: Message) => void;

/** What `on` and `subscribe` call back with for a type or topic. */
export type DataOf<Type extends string> = Type extends keyof Events ? Events[Type]
  : Type extends `${infer Event}:${string}` ? Event extends keyof Events ? Events[Event]
      // deno-lint-ignore no-explicit-any -- what applications send each other, they know
    : any
  // deno-lint-ignore no-explicit-any -- the same
  : any;

/** `CONNECTING` until there is a connection, `OFFLINE` when none is sought. */
export type Status = "CONNECTING" | "ONLINE" | "AWAY" | "OFFLINE";

/** What a send rejects with. */
export interface Failure {
  /** Why; its `code` is the server's, or `closed` or `overflow`. */
  error: Error & { code: string; path?: string };
  /** What was sent. */
  action: Message;
  /** Sends it again. With the same key, so that it has its effect once. */
  retry: () => Promise<Json>;
}

export interface ClientOptions {
  /**
   * The server, such as `wss://example.com`, or the whole address, such as
   * `wss://example.com/websocket?room=demo`.
   */
  endPoint: string;
  /** The room's name; by default that in the address, else `default`. */
  room?: string;
  /** A user id, where the server believes claimed ones. */
  userId?: string | number;
  /** A JSON Web Token, or what gives one, asked before every connection. */
  token?: string | (() => string | undefined | Promise<string | undefined>);
  /** The session to come back to; by default the one kept in `storage`. */
  session?: string;
  /** Where the session's id is kept; `null` for nowhere. By default for this window alone. */
  storage?: Pick<Storage, "getItem" | "setItem"> | null;
  /** The connection's channel. */
  channelId?: string;
}

/** A connection to a room, which comes back by itself and then has missed nothing. */
export interface Client {
  readonly room: string;
  /** The first profile; rejects when there is none before the end. */
  readonly ready: Promise<Profile>;
  /** Whether the status is `ONLINE` or `AWAY`. */
  readonly isConnected: boolean;
  getStatus(): Status;
  /** @returns what ends it. */
  onStatusChange(
    listener: (change: { status: Status; previousStatus: Status }) => void,
  ): () => void;
  /** Calls `listener` with each message of a type, or with `*` of any. */
  on<Type extends string>(type: Type, listener: Listener<DataOf<Type>>): void;
  /** Ends one listener of a type, or all. */
  off<Type extends string>(type: Type, listener?: Listener<DataOf<Type>>): void;
  /** Sends a message; resolves to the data of the server's answer. */
  send(type: string, data?: Json): Promise<Json>;
  send(message: Message): Promise<Json>;
  /** Sends what is worthless a second later, if there is a connection. */
  signal(event: string, data?: Json): void;
  /**
   * Subscribes to an event, or to one thing's as `event:id`, and again after each reconnection, then
   * from where it was lost. The options are for the first subscription to a topic.
   *
   * @returns what ends it.
   */
  subscribe<Topic extends string>(
    topic: Topic,
    listener: Listener<DataOf<Topic>>,
    options?: { since?: string; epoch?: string; history?: number },
  ): () => void;
  /** Sends to the user's other connections. */
  broadcast(action: Action): Promise<Json>;
  /** Sends to all connections of users. */
  sendToUser(action: Action, to: string | number | readonly (string | number)[]): Promise<Json>;
  /** Calls a function of the server's, by its type; resolves to its answer. */
  sendToServer(action: Action): Promise<Json>;
  chat(message: Json): Promise<Json>;
  vote(id: string, answer: string, options?: { ephemeral?: boolean }): Promise<Json>;
  /** Adds to a counter, by default 1; a number, or a decimal as text. */
  counter(id: string, by?: number | string): Promise<Json>;
  login(properties: { [name: string]: Json }): Promise<Json>;
  profile(): Promise<Profile>;
  /** Ends the connection, and all that waits. */
  close(): void;
}
