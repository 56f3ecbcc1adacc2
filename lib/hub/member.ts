import type { Gate } from "./gate.ts";
import type { Outbox } from "./outbox.ts";
import type { Room } from "./room.ts";
import type { Seat } from "./seat.ts";

export type Role = "user" | "admin";

/** What the platform knows of a connection. Only its owner and relaying admins are sent it. */
export interface ConnectionDetails {
  readonly address?: string;
  readonly region?: string;
  readonly userAgent?: string;
  readonly language?: string;
}

/** One connection, as the room it is in sees it. */
export interface Member {
  readonly clientId: string;
  /** The channel that it has chosen, or one of its own. */
  readonly channelId: string;
  readonly room: Room;
  readonly seat: Seat;
  readonly outbox: Outbox;
  readonly details: ConnectionDetails;
  /** The name under which others know the connection's owner. */
  userId: string;
  role: Role;
  /** Whether somebody pays attention to the connection, as its client says. */
  status: "ONLINE" | "AWAY";
  /** Topics subscribed to; the room's index holds the same, the other way round. */
  readonly topics: string[];
  /** Replays under way, which hold back live events. Absent when there are none: nearly always. */
  gates?: Gate[];
}
