import type { AdminAuthentication, AdminVerifier } from "./auth/admin.ts";
import { publicUserId } from "./auth/session.ts";
import type { Identity } from "./auth/tokens.ts";
import type { Command, LocalContext } from "./commands/command.ts";
import type { FindCommand } from "./commands/index.ts";
import type { Calls } from "./calls.ts";
import type { Committer } from "./committer/committer.ts";
import type { Job, JobOutcome } from "./committer/job.ts";
import { ProtocolError, reportError, toProtocolError } from "./errors.ts";
import type { ConnectionDetails, Member, Role } from "./hub/member.ts";
import { Outbox, type Sink } from "./hub/outbox.ts";
import { connectionMessage } from "./hub/greeting.ts";
import type { Gate } from "./hub/gate.ts";
import type { Room } from "./hub/room.ts";
import type { Seat } from "./hub/seat.ts";
import { type CloseReason, CloseReasons } from "./protocol/close_codes.ts";
import type { Asker, Policy } from "./policy.ts";
import { fitsBytes, type Json } from "./protocol/json.ts";
import { decodeMessage, invalidMessage, type Message } from "./protocol/message.ts";
import { RateLimit } from "./rate_limit.ts";
import { mailsAfterEffect, mailsOfEffect, relayHere, relayMails } from "./relaying.ts";
import { pause } from "./pause.ts";

/** What every connection of a server shares. */
export interface ConnectionServices extends Pick<LocalContext, "past" | "limits" | "events"> {
  readonly findCommand: FindCommand;
  readonly committer: Committer;
  readonly admins: AdminVerifier;
  /** Who a token is for; rejects for one that does not hold. */
  readonly identify: (token: string) => Promise<Identity>;
  readonly policy: Policy;
  readonly calls: Calls;
  /** Names the isolate. */
  readonly instance: string;
  readonly now: () => number;
  /** Called once for each connection, when it has left, whoever ended it. */
  readonly onLeave: (connection: Connection) => void;
  readonly traffic: { received: number };
  readonly maxMessageBytes: number;
  /** How many calls of functions may be under way. */
  readonly maxCalls: number;
  readonly maxBufferedBytes: number;
  readonly rateLimit: number;
  readonly rateBurst: number;
}

/** What a connection begins with. */
export interface ConnectionStart {
  readonly sink: Sink;
  readonly room: Room;
  readonly seat: Seat;
  readonly channelId: string;
  readonly userId: string;
  readonly details: ConnectionDetails;
  readonly batch: boolean;
}

/** How long a client must have been silent to be closed, and how long that is waited for. */
const QUIET_MS = 50;
const MAX_LINGER_MS = 1000;

/** The longest that the runtime's timers take. */
const LONGEST_TIMEOUT_MS = 2 ** 31 - 1;

/** Where an answer goes: nowhere, for a message without an id, unless it is an error. */
type AnswerId = string | number | undefined;

/**
 * One socket's connection to a room: it decodes and limits what comes in, hands each message to its
 * command, and answers. A sender's messages take effect in the order they were sent.
 */
export class Connection implements Member {
  readonly clientId: string = crypto.randomUUID();
  readonly channelId: string;
  readonly room: Room;
  readonly seat: Seat;
  readonly outbox: Outbox;
  readonly details: ConnectionDetails;
  readonly topics: string[] = [];
  userId: string;
  role: Role = "user";
  status: "ONLINE" | "AWAY" = "ONLINE";
  gates?: Gate[];
  readonly #services: ConnectionServices;
  readonly #rate: RateLimit;
  #admin: AdminAuthentication | undefined;
  /** Messages on their way to the store. Local ones wait for them, so that order is kept. */
  #pending = 0;
  readonly #waiting: (() => void)[] = [];
  /** Whether a message is under way that all later ones wait for. */
  #held = false;
  #calls = 0;
  #expiry: ReturnType<typeof setTimeout> | undefined;
  #left = false;
  /** How many frames have come, for telling when no more do. */
  #received = 0;

  constructor(
    services: ConnectionServices,
    { sink, room, seat, channelId, userId, details, batch }: ConnectionStart,
  ) {
    const { rateLimit, rateBurst, maxBufferedBytes } = services;
    this.#services = services;
    this.#rate = new RateLimit(rateLimit, rateBurst, services.now());
    this.channelId = channelId;
    this.userId = userId;
    this.room = room;
    this.seat = seat;
    this.details = details;
    this.outbox = new Outbox(sink, { maxBufferedBytes, batch, owner: this });
  }

  /** Listens to the socket: one listener for all its events, which is what idle ones cost. */
  handleEvent(event: Event): void {
    if (event.type === "message") this.receive((event as MessageEvent).data);
    else this.leave();
  }

  /** Takes what the socket has received. Never throws. */
  receive(frame: unknown): void {
    this.#received++;
    if (this.#left) return;
    this.#services.traffic.received++;
    const verdict = this.#rate.take(this.#services.now());
    if (verdict === "abusive") return this.#expel(CloseReasons.rateLimited);
    if (typeof frame !== "string") return this.#fail(undefined, notText());
    if (!fitsBytes(frame, this.#services.maxMessageBytes)) return this.#refuseSize();
    const { message, fault, id } = decodeMessage(frame);
    if (verdict === "limited") this.#fail(id, rateLimited(this.#rate));
    else if (fault) this.#fail(id, fault);
    else if (message) this.#dispatch(message, frame.length);
  }

  /** Tells of a failure that no message of the sender's caused. */
  fail(error: unknown): void {
    this.#fail(undefined, toProtocolError(error));
  }

  /** Closes the socket for `reason`, and leaves. */
  close(reason: CloseReason): void {
    this.outbox.close(reason);
  }

  /** Sees to it that an identity ends when it does: the connection is a public user then. */
  expire({ expiresAt }: Identity): void {
    clearTimeout(this.#expiry);
    if (expiresAt === undefined || this.#left) return;
    const left = expiresAt - this.#services.now();
    this.#expiry = setTimeout(() => {
      if (left > LONGEST_TIMEOUT_MS) this.expire({ userId: this.userId, expiresAt });
      else this.#endIdentity();
    }, Math.max(0, Math.min(left, LONGEST_TIMEOUT_MS)));
  }

  /** Takes the member out of its room. However often and from wherever it is called: once. */
  leave(): void {
    if (this.#left) return;
    this.#left = true;
    this.#waiting.length = 0;
    clearTimeout(this.#expiry);
    this.#services.onLeave(this);
    this.outbox.end();
  }

  #dispatch(message: Message, size: number): void {
    const command = this.#services.findCommand(message.type);
    if (command.kind === "local" && command.urgent) return this.#execute(message, command, size);
    const behind = this.#held || command.kind === "local" && this.#pending > 0;
    if (this.#waiting.length > 0 || behind) {
      this.#waiting.push(() => this.#execute(message, command, size));
    } else {
      this.#execute(message, command, size);
    }
  }

  #execute(message: Message, command: Command, size: number): void {
    const refuse = (error: unknown): void => this.#fail(message.id, toProtocolError(error));
    const perform = (permitted: boolean, input: unknown): void => {
      if (!permitted) refuse(notPermitted(message));
      else if (command.kind === "local") this.#run(message, command, input);
      else this.#submit(message, command, input, size);
    };
    try {
      const input = this.#parse(message, command);
      const permission = command.permit?.(input, this, this.#services.policy) ?? true;
      if (typeof permission === "boolean") return perform(permission, input);
      const decided = permission.then((permitted) => perform(permitted, input));
      this.#holdUp(decided);
      decided.catch(refuse);
    } catch (error) {
      refuse(error);
    }
  }

  /** Runs what waited for earlier messages, up to the next that must wait. */
  #resume(): void {
    while (this.#waiting.length > 0 && this.#pending === 0 && !this.#held) {
      this.#waiting.shift()!();
    }
  }

  #run(message: Message, command: Command & { kind: "local" }, input: unknown): void {
    const answer = (error: unknown): void => this.#fail(message.id, toProtocolError(error));
    try {
      const result = command.run(input, {
        member: this,
        room: this.room,
        past: this.#services.past,
        limits: this.#services.limits,
        now: this.#services.now(),
        admin: this.#admin ??= this.#services.admins.attempts(),
        close: (reason) => this.#expel(reason),
        instance: this.#services.instance,
        id: message.id,
        events: this.#services.events,
        call: (name, input, path) => this.#call(name, input, path, message.key),
        changeUser: (token) => this.#changeUser(token),
      });
      relayHere(this, message);
      this.#services.committer.post(this.room, relayMails(this, message));
      if (result instanceof Promise) {
        if (command.holdsUp) this.#holdUp(result);
        result.then((data) => this.#acknowledge(message.id, JSON.stringify(data ?? null)), answer);
      } else {
        this.#acknowledge(message.id, JSON.stringify(result ?? null));
      }
    } catch (error) {
      answer(error);
    }
  }

  /** Lets later messages wait for what changes their sender. */
  #holdUp(work: Promise<unknown>): void {
    this.#held = true;
    const goOn = (): void => {
      this.#held = false;
      this.#resume();
    };
    // After the answer, which those who handle `work` first send.
    work.then(() => queueMicrotask(goOn), () => queueMicrotask(goOn));
  }

  async #changeUser(token: string | undefined): Promise<void> {
    const { identify, policy } = this.#services;
    const identity = token === undefined ? undefined : await identify(token);
    if (!await policy.mayEnter(this.#as(identity), this.room.name)) {
      throw new ProtocolError("not_allowed", "That user may not enter the room.");
    }
    if (!this.#left) this.#becomeUser(identity);
  }

  /** Goes on as a public user; where those may not enter, not at all. */
  async #endIdentity(): Promise<void> {
    const { policy } = this.#services;
    try {
      const permitted = await policy.mayEnter(this.#as(undefined), this.room.name);
      if (!permitted) return this.close(CloseReasons.forbidden);
      if (!this.#left) this.#becomeUser(undefined);
    } catch (error) {
      reportError(error);
      this.close(CloseReasons.forbidden);
    }
  }

  #as(identity: Identity | undefined): Asker {
    const userId = identity?.userId ?? publicUserId(this.seat.session);
    return { userId, role: this.role, clientId: this.clientId };
  }

  #becomeUser(identity: Identity | undefined): void {
    this.room.setUser(this, identity?.userId ?? publicUserId(this.seat.session));
    this.outbox.send(connectionMessage(this, this.#services.instance));
    this.expire(identity ?? { userId: this.userId });
  }

  async #call(
    name: string,
    input: { [field: string]: Json },
    path: string,
    key?: string,
  ): Promise<Json> {
    const { calls, maxCalls } = this.#services;
    if (this.#calls >= maxCalls) {
      throw new ProtocolError(
        "limit_exceeded",
        `A connection has at most ${maxCalls} calls under way: wait for an answer first.`,
      );
    }
    this.#calls++;
    try {
      return await calls.call(this, { name, input, path, key });
    } finally {
      this.#calls--;
    }
  }

  #submit(
    message: Message,
    command: Command & { kind: "store" },
    input: unknown,
    size: number,
  ): void {
    this.#pending++;
    const job: Job = {
      room: this.room,
      session: this.seat.session,
      key: message.key,
      size,
      needs: () => command.needs?.(input, this) ?? [],
      handle: (view) => command.handle(input, view, this),
      mails: () => mailsOfEffect(this, message),
      settled: (outcome) => this.#settled(message, outcome),
    };
    this.#services.committer.submit(job);
  }

  #settled(message: Message, outcome: JobOutcome): void {
    this.#pending--;
    if (outcome.error) {
      this.#fail(message.id, outcome.error);
    } else {
      if (!outcome.repeated) {
        relayHere(this, message);
        this.#services.committer.post(this.room, mailsAfterEffect(this, message));
      }
      this.#acknowledge(message.id, outcome.ack);
    }
    if (this.#waiting.length > 0) this.#resume();
  }

  #parse(message: Message, command: Command): unknown {
    if (command.admin && this.role !== "admin") {
      throw new ProtocolError(
        "not_allowed",
        `Only admins may send ${message.type}: authenticate first.`,
      );
    }
    const result = command.input.safeParse(message);
    if (!result.success) throw invalidMessage(result.error);
    return result.data;
  }

  #acknowledge(id: AnswerId, data: string): void {
    if (id === undefined) return;
    this.outbox.send(`{"type":"ack","id":${JSON.stringify(id)},"data":${data}}`);
  }

  #fail(id: AnswerId, { code, message, path }: ProtocolError): void {
    this.outbox.send(JSON.stringify({ type: "error", id, data: { code, message, path } }));
  }

  /**
   * Closes on a client that may still be sending. The runtime resets a connection that has unread
   * data, and the client would not learn why: so it is given a moment to be read out.
   */
  #expel(reason: CloseReason): void {
    this.outbox.close(reason, this.#quiet());
  }

  async #quiet(): Promise<void> {
    for (let waited = 0; waited < MAX_LINGER_MS; waited += QUIET_MS) {
      const seen = this.#received;
      await pause(QUIET_MS);
      if (seen === this.#received) return;
    }
  }

  #refuseSize(): void {
    const limit = this.#services.maxMessageBytes;
    const error = new ProtocolError("message_too_large", `Send at most ${limit} bytes a message.`);
    this.#fail(undefined, error);
    this.#expel(CloseReasons.tooLarge);
  }
}

function notPermitted({ type }: Message): ProtocolError {
  return new ProtocolError("not_allowed", `You may not send this ${type}: nothing was applied.`);
}

function notText(): ProtocolError {
  return new ProtocolError("invalid_message", "Send text frames, not binary ones.", "");
}

function rateLimited({ rate, burst }: RateLimit): ProtocolError {
  return new ProtocolError(
    "rate_limited",
    `Nothing was applied: send at most ${rate} messages a second, ${burst} at once.`,
  );
}
