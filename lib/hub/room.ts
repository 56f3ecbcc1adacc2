import type { Json } from "../protocol/json.ts";
import { CloseReasons } from "../protocol/close_codes.ts";
import { isStateEvent, parseTopic } from "../protocol/topic.ts";
import type { LogEntry } from "../protocol/log_entry.ts";
import { EphemeralPolls, type Vote } from "./ephemeral_polls.ts";
import { profileMessage } from "./greeting.ts";
import type { HeldPath } from "./holdings.ts";
import type { Member } from "./member.ts";
import type { Outside } from "./outside.ts";
import { Presence, presentMember } from "./presence.ts";
import type { Profile } from "./profile.ts";
import { Relays } from "./relays.ts";
import { gateFor } from "./gate.ts";
import { Seat } from "./seat.ts";
import { Sharing } from "./sharing.ts";
import { StateFeed, type StateReader } from "./state_feed.ts";
import { Subscriptions } from "./subscriptions.ts";
import type { Targets } from "./targets.ts";

/** The log events that reach everyone in a room, subscribed or not. */
const FOR_EVERYONE = new Set(["config", "broadcast"]);

/**
 * A room as this isolate holds it while somebody here is in it: who, subscribed to what, and how
 * far its log has been delivered. What is delivered was committed before.
 */
export class Room {
  /** Those connected here, by client id. */
  readonly members: Map<string, Member> = new Map();
  readonly seats: Map<string, Seat> = new Map();
  readonly subscriptions: Subscriptions = new Subscriptions();
  readonly relays: Relays = new Relays();
  readonly ephemeralPolls: EphemeralPolls = new EphemeralPolls();
  readonly presence: Presence = new Presence(this);
  readonly feed: StateFeed;
  /** What the room's isolates show each other; absent where there can be only one. */
  readonly sharing: Sharing | undefined;
  /** The life of the log; empty until the room has been read from the store. */
  epoch = "";
  /** The offset of the last event delivered here. */
  cursor = 0;
  /** The configuration as of `cursor`. */
  config = "";
  /** How many connections and commands keep the room open. */
  holders = 0;

  constructor(
    readonly name: string,
    readState: StateReader,
    readonly targets: Targets,
    outside?: Outside,
  ) {
    this.feed = new StateFeed(this, readState);
    if (outside) this.sharing = new Sharing(this, this, outside, this.#heard.bind(this));
  }

  /**
   * Puts the room where its log stands. Where that is another life of the log than the one its
   * members know, they are sent away to come back to it.
   */
  place(epoch: string, cursor: number, config: string): void {
    if (this.epoch !== "") {
      for (const member of [...this.members.values()]) member.outbox.close(CloseReasons.restarting);
    }
    this.epoch = epoch;
    this.cursor = cursor;
    this.config = config;
  }

  /** Takes a session's seat, which all its connections here share. */
  seat(session: string, profile: Profile): Seat {
    const taken = this.seats.get(session);
    if (taken) return taken;
    const seat = new Seat(session, profile);
    this.seats.set(session, seat);
    return seat;
  }

  add(member: Member): void {
    const { clientId, seat } = member;
    this.members.set(clientId, member);
    seat.members.push(member);
    this.targets.add(member);
    this.presence.joined(member);
    this.sharing?.changed("member", clientId);
    if (seat.members.length === 1) this.#adoptVotes(seat);
  }

  /** Takes the member out, and with its session's last connection the session's ephemeral votes. */
  remove(member: Member): void {
    const { clientId, seat } = member;
    if (!this.members.delete(clientId)) return;
    this.subscriptions.removeAll(member);
    this.removeRelays(member);
    member.gates = undefined;
    seat.members.splice(seat.members.indexOf(member), 1);
    this.presence.left(member);
    this.sharing?.changed("member", clientId);
    this.targets.remove(member);
    if (seat.members.length > 0) return;
    for (const poll of this.ephemeralPolls.withdraw(seat.session)) {
      this.#voteChanged(poll, seat.session);
    }
  }

  /** Casts a session's vote that goes with its connections. */
  vote(poll: string, { session }: Seat, answer: string, now: number, maxAnswers: number): void {
    this.ephemeralPolls.vote(poll, session, answer, now, maxAnswers);
    this.#voteChanged(poll, session);
  }

  addRelay(member: Member, type: string): void {
    this.relays.add(member, type);
    this.sharing?.changed("relay", type);
  }

  /** Ends the member's relay of `type`, or all of its own; returns how many there were. */
  removeRelays(member: Member, type?: string): number {
    const removed = this.relays.remove(member, type);
    for (const one of removed) this.sharing?.changed("relay", one);
    return removed.length;
  }

  /** Takes over a member's own status. */
  setStatus(member: Member, status: Member["status"]): void {
    if (member.status === status) return;
    member.status = status;
    this.presence.updated(member);
    this.sharing?.changed("member", member.clientId);
    this.targets.statusChanged(member);
  }

  /** Takes over that a member is another user from now on. */
  setUser(member: Member, userId: string): void {
    if (member.userId === userId) return;
    this.targets.setUser(member, userId);
    this.presence.updated(member);
    this.sharing?.changed("member", member.clientId);
  }

  /** Tells a seat's connections, and everyone present, that its profile has changed. */
  profileChanged({ members }: Seat): void {
    for (const member of members) {
      member.outbox.send(profileMessage(member));
      this.presence.updated(member);
      this.sharing?.changed("member", member.clientId);
    }
  }

  /** Tells everyone present of a user's status, on other isolates, too. */
  tellStatus(user: string, status: string, frame: string): void {
    this.presence.status(user, status, frame);
    if (this.sharing && this.sharing.others.length > 0) {
      this.sharing.outside.tellStatus(this, user, frame);
    }
  }

  /** Sends a signal to those who want it, on other isolates, too, except its sender. */
  sendSignal(topic: string, frame: string, sender: string): void {
    this.signal(topic, frame, sender);
    if (this.sharing && this.sharing.others.length > 0) {
      this.sharing.outside.signal(this, topic, sender, frame);
    }
  }

  /** Sends a signal to those here who want it, except its sender, by its client id. */
  signal(topic: string, frame: string, sender?: string): void {
    this.subscriptions.forEach(topic, ({ clientId, outbox }) => {
      if (clientId !== sender && !outbox.congested) outbox.send(frame);
    });
  }

  /** Looks at everything anew, after some of what others did may have gone unnoticed here. */
  refresh(): void {
    this.feed.touchAll();
    this.sharing?.refresh();
  }

  /** What is held here at a path, for others to see. */
  holding([kind, first, second]: HeldPath): Json | undefined {
    if (kind === "member") {
      const member = this.members.get(first!);
      return member && { ...presentMember(member) };
    }
    if (kind === "vote") {
      const vote = this.ephemeralPolls.held(first!, second!);
      return vote && { ...vote };
    }
    return kind === "relay" && this.relays.has(first!) ? true : undefined;
  }

  /** The paths of everything held here. */
  *paths(): Generator<HeldPath> {
    for (const clientId of this.members.keys()) yield ["member", clientId];
    for (const [poll, session] of this.ephemeralPolls.allHeld()) yield ["vote", poll, session];
    for (const type of this.relays.types()) yield ["relay", type];
  }

  /** Gives a seat back for one of those who hold it. */
  vacate(seat: Seat): void {
    seat.holders--;
    if (seat.holders === 0) this.seats.delete(seat.session);
  }

  /** Sends a committed event of the log to those it is for. Called in the order of offsets. */
  deliver(entry: LogEntry): void {
    // What has come by one way may come by another again.
    if (entry.offset <= this.cursor) return;
    this.cursor = entry.offset;
    if (entry.topic === "config") this.config = JSON.parse(entry.frame).data;
    if (FOR_EVERYONE.has(entry.topic)) {
      for (const member of this.members.values()) sendEntry(member, entry);
    } else {
      this.subscriptions.forEach(entry.topic, (member) => sendEntry(member, entry));
    }
  }

  /** Subscribes to what is not the log's or is wanted from now on; state is sent at once. */
  async subscribe(member: Member, topic: string): Promise<void> {
    const { event } = parseTopic(topic);
    // What other isolates hold belongs to the state; the store's own needs no waiting for them.
    if (event === "presence" || event === "ephemeralPoll") await this.sharing?.known();
    if (!this.members.has(member.clientId)) return;
    this.subscriptions.add(member, topic);
    if (isStateEvent(event)) await this.feed.request(member, topic);
    else if (topic === "presence") {
      member.outbox.send(this.presence.state(member.outbox.ampleLength));
    }
  }

  unsubscribe(member: Member, topic: string): void {
    this.subscriptions.remove(member, topic);
    for (const gate of member.gates ?? []) gate.drop(topic);
  }

  /** Takes over what a peer holds at a path. */
  #heard(peer: string, [kind, first, second]: HeldPath, value: Json | undefined): void {
    if (kind === "member") {
      this.presence.heard(peer, first!, value);
    } else if (kind === "relay") {
      this.relays.heard(peer, first!, value !== undefined);
    } else if (kind === "vote") {
      const vote = value as unknown as Vote | undefined;
      if (this.ephemeralPolls.heard(first!, second!, peer, vote)) {
        this.feed.touch("ephemeralPoll", first!);
      }
      const seat = this.seats.get(second!);
      if (seat && seat.members.length > 0) this.#adoptVotes(seat);
    }
  }

  #adoptVotes({ session }: Seat): void {
    for (const poll of this.ephemeralPolls.adopt(session)) {
      this.sharing?.changed("vote", poll, session);
    }
  }

  #voteChanged(poll: string, session: string): void {
    this.feed.touch("ephemeralPoll", poll);
    this.sharing?.changed("vote", poll, session);
  }
}

/** Whether subscribers of `topic` get the state first, which leaves no past to be replayed. */
export function isStateTopic(topic: string): boolean {
  const { event } = parseTopic(topic);
  return isStateEvent(event) || event === "presence";
}

function sendEntry(member: Member, entry: LogEntry): void {
  const gate = member.gates && gateFor(member.gates, entry.topic);
  if (gate) gate.hold(entry);
  else member.outbox.send(entry.frame);
}
