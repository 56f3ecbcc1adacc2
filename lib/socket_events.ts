import type { Member } from "./hub/member.ts";
import { CloseReasons } from "./protocol/close_codes.ts";
import type { Json } from "./protocol/json.ts";

/** A client's message that has an `event` in place of a `type`. */
export interface EventMessage {
  readonly event: string;
  readonly [field: string]: Json | undefined;
}

/** A connection as handlers see it. */
export interface HandlerSocket {
  readonly clientId: string;
  readonly userId: string;
  readonly room: string;
  /** Sends text as it is, and anything else as JSON. */
  send(message: string | Json): void;
  /** Closes the connection, after what was sent. */
  close(): void;
}

const sockets = new WeakMap<Member, HandlerSocket>();

/** A member's connection as handlers see it: always the same object. */
export function handlerSocket(member: Member): HandlerSocket {
  const known = sockets.get(member);
  if (known) return known;
  const socket: HandlerSocket = {
    clientId: member.clientId,
    get userId() {
      return member.userId;
    },
    room: member.room.name,
    send: (message) => {
      if (typeof message === "string") member.outbox.sendAlone(message);
      else member.outbox.send(JSON.stringify(message));
    },
    close: () => member.outbox.close(CloseReasons.normal),
  };
  sockets.set(member, socket);
  return socket;
}

/** Takes events of one name. What it rejects with or throws, its sender is not told. */
export type EventHandler = (
  payload: { readonly message: EventMessage; readonly socket: HandlerSocket },
) => unknown;

/** Which messages with an `event` are heeded: none, all, or those of one of the two kinds. */
export type SocketEventsMode = "false" | "true" | "data" | "passthrough";

const DATA_GET = "data:get:";

/** What becomes of messages with an `event`. */
export class SocketEvents {
  constructor(
    readonly mode: SocketEventsMode,
    readonly handlers: { readonly [event: string]: EventHandler },
  ) {}

  /** The key of the room's data that an event asks for, if it does. */
  dataKey(event: string): string | undefined {
    const heeded = this.mode === "true" || this.mode === "data";
    return heeded && event.startsWith(DATA_GET) ? event.slice(DATA_GET.length) : undefined;
  }

  /** Who takes an event, if anybody does. */
  handler(event: string): EventHandler | undefined {
    if (this.mode !== "true" && this.mode !== "passthrough") return undefined;
    return Object.hasOwn(this.handlers, event) ? this.handlers[event] : undefined;
  }
}
