import type { Json } from "../protocol/json.ts";
import type { Member } from "./member.ts";
import type { Properties } from "./profile.ts";
import type { Room } from "./room.ts";
import { statusMessage, unknown } from "./users.ts";

/** What everyone may know of a connection in the room. */
export interface PresentMember {
  readonly client_id: string;
  readonly user_id: string;
  readonly suffix: number;
  readonly properties: Properties;
  readonly status: "ONLINE" | "AWAY";
}

/** How many users' last told statuses are remembered. */
const MAX_STATUSES = 1000;

/** Tells those who have subscribed to `presence` who is in the room, on whichever isolate. */
export class Presence {
  /** Connections elsewhere: client id → isolate → what it says. */
  readonly #elsewhere = new Map<string, Map<string, PresentMember>>();
  /** The last status told of users, so that each change is told once. */
  readonly #statuses = new Map<string, string>();

  constructor(readonly room: Room) {}

  /** Everyone in the room. */
  *members(): Generator<PresentMember> {
    for (const member of this.room.members.values()) yield presentMember(member);
    for (const [clientId, said] of this.#elsewhere) {
      if (!this.room.members.has(clientId)) yield said.values().next().value!;
    }
  }

  get count(): number {
    let count = this.room.members.size;
    for (const clientId of this.#elsewhere.keys()) if (!this.room.members.has(clientId)) count++;
    return count;
  }

  /**
   * The `state` message: everyone, or as many as fit into `maxLength` characters; `count` says how
   * many there are.
   */
  state(maxLength: number): string {
    const texts: string[] = [];
    let length = 0;
    for (const member of this.members()) {
      const text = JSON.stringify(member);
      length += text.length + 1;
      if (length > maxLength) break;
      texts.push(text);
    }
    return presenceMessage("state", this.count, texts);
  }

  joined(member: Member): void {
    if (!this.#elsewhere.has(member.clientId)) this.#tell("join", presentMember(member));
  }

  left(member: Member): void {
    if (!this.#elsewhere.has(member.clientId)) this.#tell("leave", presentMember(member));
  }

  updated(member: Member): void {
    this.#tell("update", presentMember(member));
  }

  /** Takes over what a peer says of a connection that it has; `undefined`: it has left. */
  heard(peer: string, clientId: string, value: Json | undefined): void {
    const said = this.#elsewhere.get(clientId) ?? new Map<string, PresentMember>();
    const before = said.get(peer);
    if (value !== undefined) said.set(peer, value as unknown as PresentMember);
    else said.delete(peer);
    if (said.size > 0) this.#elsewhere.set(clientId, said);
    else this.#elsewhere.delete(clientId);
    if (this.room.members.has(clientId)) return;
    if (value !== undefined) {
      this.#tell(said.size === 1 && !before ? "join" : "update", said.get(peer)!);
    } else if (before && said.size === 0) {
      this.#tell("leave", before);
      this.#lookForUser(before);
    }
  }

  /** Tells of a user's status; those of the user's own connections are told elsewhere. */
  status(user: string, status: string, frame: string): void {
    if (this.#statuses.get(user) === status) return;
    this.#statuses.delete(user);
    if (this.#statuses.size >= MAX_STATUSES) {
      this.#statuses.delete(this.#statuses.keys().next().value!);
    }
    this.#statuses.set(user, status);
    this.room.subscriptions.forEach("presence", (member) => {
      if (member.userId !== user) member.outbox.send(frame);
    });
  }

  /** Tells that a user is gone for good, whom a dead isolate could not take leave of. */
  #lookForUser({ user_id, status: previousStatus }: PresentMember): void {
    const { subscriptions, sharing } = this.room;
    if (!subscriptions.wanted("presence")) return;
    for (const member of this.members()) if (member.user_id === user_id) return;
    sharing?.outside.isOffline(user_id).then((offline) => {
      if (!offline) return;
      const gone = { ...unknown(user_id), previousStatus };
      this.status(user_id, "OFFLINE", statusMessage(gone));
    }, () => {});
  }

  #tell(event: "join" | "leave" | "update", member: PresentMember): void {
    if (!this.room.subscriptions.wanted("presence")) return;
    const frame = presenceMessage(event, this.count, [JSON.stringify(member)]);
    this.room.subscriptions.forEach("presence", ({ outbox }) => outbox.send(frame));
  }
}

/** A member as everyone may know it. */
export function presentMember({ clientId, userId, seat, status }: Member): PresentMember {
  const { suffix, publicProperties: properties } = seat.profile;
  return { client_id: clientId, user_id: userId, suffix, properties, status };
}

function presenceMessage(event: string, count: number, members: readonly string[]): string {
  return `{"type":"presence","data":{"event":"${event}","count":${count},"members":[${members}]}}`;
}
