import type { AddressKind, AtRecord, Target, TargetKind } from "../protocol/target.ts";
import type { Member } from "./member.ts";
import type { Users } from "./users.ts";

/** Told of what can be addressed here, for others to find it. */
export type OnAddress = (kind: AddressKind, id: string) => void;

/** The connections of this isolate by what they can be addressed by. */
export class Targets {
  readonly #clients = new Map<string, Member>();
  readonly #channels = new Map<string, Member[]>();
  onAddress: OnAddress = () => {};

  /** @param membersOf those here who are in a room. */
  constructor(readonly users: Users, readonly membersOf: (room: string) => Iterable<Member>) {}

  add(member: Member): void {
    const { clientId, channelId, userId } = member;
    this.#clients.set(clientId, member);
    const channel = this.#channels.get(channelId);
    if (channel) channel.push(member);
    else this.#channels.set(channelId, [member]);
    this.users.add(member);
    this.#tell(clientId, channelId, userId);
  }

  remove(member: Member): void {
    const { clientId, channelId, userId } = member;
    if (!this.#clients.delete(clientId)) return;
    const rest = this.#channels.get(channelId)!.filter((other) => other !== member);
    if (rest.length > 0) this.#channels.set(channelId, rest);
    else this.#channels.delete(channelId);
    this.users.remove(member);
    this.#tell(clientId, channelId, userId);
  }

  /** Takes over that a member is another user from now on. */
  setUser(member: Member, userId: string): void {
    const before = member.userId;
    this.users.remove(member);
    member.userId = userId;
    this.users.add(member);
    for (const user of [before, userId]) this.onAddress("user", user);
  }

  /** Takes over that a member's own status has changed. */
  statusChanged(member: Member): void {
    this.users.changed(member);
    this.onAddress("user", member.userId);
  }

  /** Those here that a message goes to. */
  find({ kind, ids, except }: Target): Set<Member> {
    const found = new Set<Member>();
    for (const id of ids) {
      for (const member of this.#at(kind, id)) if (member.clientId !== except) found.add(member);
    }
    return found;
  }

  /** Sends a message to those here that it goes to; one that is a function is made if there are any. */
  send(target: Target, frame: string | (() => string)): void {
    const found = this.find(target);
    if (found.size === 0) return;
    const text = typeof frame === "string" ? frame : frame();
    for (const { outbox } of found) outbox.send(text);
  }

  /** What there is under an address here, if anything. */
  record(kind: AddressKind, id: string): AtRecord | undefined {
    const members = this.#at(kind, id);
    if (members.length === 0) return undefined;
    return { count: members.length, status: kind === "user" ? this.users.here(id) : "ONLINE" };
  }

  /** Every address here. */
  *addresses(): Generator<[AddressKind, string]> {
    for (const id of this.users.ids()) yield ["user", id];
    for (const id of this.#channels.keys()) yield ["channel", id];
    for (const id of this.#clients.keys()) yield ["client", id];
  }

  #at(kind: TargetKind, id: string): readonly Member[] {
    if (kind === "room") return [...this.membersOf(id)];
    if (kind === "user") return this.users.members(id);
    if (kind === "channel") return this.#channels.get(id) ?? [];
    const member = this.#clients.get(id);
    return member ? [member] : [];
  }

  #tell(clientId: string, channelId: string, userId: string): void {
    this.onAddress("user", userId);
    this.onAddress("channel", channelId);
    this.onAddress("client", clientId);
  }
}
