import type { Status } from "../protocol/target.ts";
import type { Member } from "./member.ts";
import type { Room } from "./room.ts";

/** A user's status as told to others, with its times in milliseconds since 1970. */
export interface UserStatus {
  readonly user_id: string;
  readonly status: Status;
  readonly previousStatus: Status;
  /** Since when the user has been connected without a break; `null` while it is not. */
  readonly onlineSinceTs: number | null;
  /** When the user was last seen online; `null` if that is not known. */
  readonly lastOnlineTs: number | null;
  readonly awaySinceTs: number | null;
}

interface User {
  readonly members: Member[];
  /** The statuses of the user's connections on other isolates, by isolate; absent: none. */
  elsewhere?: ReadonlyMap<string, Status>;
  status: UserStatus;
}

/** The users who have connections here, and whether they are online, over all their connections. */
export class Users {
  readonly #users = new Map<string, User>();

  /** @param now milliseconds since 1970. */
  constructor(readonly now: () => number) {}

  add(member: Member): void {
    const { userId } = member;
    const user = this.#users.get(userId) ?? { members: [], status: unknown(userId) };
    this.#users.set(userId, user);
    user.members.push(member);
    // It knows of itself; nobody has told it that it was offline.
    this.#update(user, member.room, member);
  }

  remove(member: Member): void {
    const { userId } = member;
    const user = this.#users.get(userId);
    const at = user?.members.indexOf(member) ?? -1;
    if (!user || at === -1) return;
    user.members.splice(at, 1);
    this.#update(user, member.room);
    if (user.members.length === 0) this.#users.delete(userId);
  }

  /** Takes over that a member's own status has changed. */
  changed({ userId }: Member): void {
    const user = this.#users.get(userId);
    if (!user) return;
    this.#update(user);
  }

  /** Takes over what a user's connections on other isolates are. */
  heard(userId: string, elsewhere: ReadonlyMap<string, Status>): void {
    const user = this.#users.get(userId);
    if (!user) return;
    user.elsewhere = elsewhere.size > 0 ? elsewhere : undefined;
    this.#update(user);
  }

  /** On how many other isolates a user is known to have connections. */
  elsewhere(userId: string): number {
    return this.#users.get(userId)?.elsewhere?.size ?? 0;
  }

  /** The status of a user's connections here. */
  here(userId: string): Status {
    return statusOf(this.#users.get(userId)?.members.map(({ status }) => status) ?? []);
  }

  /** A user's status over all connections that are known of. */
  status(userId: string): UserStatus {
    return this.#users.get(userId)?.status ?? unknown(userId);
  }

  /** The connections that a user has here. */
  members(userId: string): readonly Member[] {
    return this.#users.get(userId)?.members ?? [];
  }

  get size(): number {
    return this.#users.size;
  }

  ids(): string[] {
    return [...this.#users.keys()];
  }

  /**
   * Tells of a user's status if it has changed: its own connections, and its rooms.
   *
   * @param touched a room that it may have left just now.
   * @param except a connection that need not be told.
   */
  #update(user: User, touched?: Room, except?: Member): void {
    const { members, elsewhere } = user;
    const next = statusOf([...members.map(({ status }) => status), ...elsewhere?.values() ?? []]);
    const { user_id, status, onlineSinceTs, lastOnlineTs } = user.status;
    if (next === status) return;
    const now = this.now();
    user.status = {
      user_id,
      status: next,
      previousStatus: status,
      onlineSinceTs: next === "OFFLINE" ? null : onlineSinceTs ?? now,
      lastOnlineTs: next === "ONLINE" || status === "ONLINE" ? now : lastOnlineTs,
      awaySinceTs: next === "AWAY" ? now : null,
    };
    const frame = statusMessage(user.status);
    for (const member of members) if (member !== except) member.outbox.send(frame);
    const rooms = new Set(members.map(({ room }) => room));
    if (touched) rooms.add(touched);
    for (const room of rooms) room.tellStatus(user_id, next, frame);
  }
}

/** The `STATUS_CHANGE` message. */
export function statusMessage(status: UserStatus): string {
  return JSON.stringify({ type: "STATUS_CHANGE", data: status });
}

/** The status of a user none of whose connections is known. */
export function unknown(user_id: string): UserStatus {
  const nothing = { onlineSinceTs: null, lastOnlineTs: null, awaySinceTs: null };
  return { user_id, status: "OFFLINE", previousStatus: "OFFLINE", ...nothing };
}

/** What connections of these statuses make of their user. */
export function statusOf(statuses: readonly Status[]): Status {
  if (statuses.includes("ONLINE")) return "ONLINE";
  return statuses.includes("AWAY") ? "AWAY" : "OFFLINE";
}
