import { CloseReasons } from "../protocol/close_codes.ts";
import { isStateEvent } from "../protocol/topic.ts";
import type { LogEntry } from "../protocol/log_entry.ts";
import { EphemeralPolls } from "./ephemeral_polls.ts";
import type { Member } from "./member.ts";
import type { Profile } from "./profile.ts";
import { Relays } from "./relays.ts";
import { gateFor } from "./gate.ts";
import { Seat } from "./seat.ts";
import { StateFeed, type StateReader } from "./state_feed.ts";
import { Subscriptions } from "./subscriptions.ts";

/** The log events that reach everyone in a room, subscribed or not. */
const FOR_EVERYONE = new Set(["config", "broadcast"]);

/**
 * A room as this isolate holds it while somebody here is in it: who, subscribed to what, and how
 * far its log has been delivered. What is delivered was committed before.
 */
export class Room {
  readonly members = new Set<Member>();
  readonly seats = new Map<string, Seat>();
  readonly subscriptions = new Subscriptions();
  readonly relays = new Relays();
  readonly ephemeralPolls = new EphemeralPolls();
  readonly feed: StateFeed;
  /** The life of the log; empty until the room has been read from the store. */
  epoch = "";
  /** The offset of the last event delivered here. */
  cursor = 0;
  /** The configuration as of `cursor`. */
  config = "";
  /** How many connections and commands keep the room open. */
  holders = 0;

  constructor(readonly name: string, readState: StateReader) {
    this.feed = new StateFeed(this, readState);
  }

  /**
   * Puts the room where its log stands. Where that is another life of the log than the one its
   * members know, they are sent away to come back to it.
   */
  place(epoch: string, cursor: number, config: string): void {
    if (this.epoch !== "") {
      for (const member of [...this.members]) member.outbox.close(CloseReasons.restarting);
    }
    this.epoch = epoch;
    this.cursor = cursor;
    this.config = config;
  }

  /** Takes a session's seat, which all its connections here share. */
  seat(session: string, userId: string, profile: Profile): Seat {
    const taken = this.seats.get(session);
    if (taken) return taken;
    const seat = new Seat(session, userId, profile);
    this.seats.set(session, seat);
    return seat;
  }

  add(member: Member): void {
    this.members.add(member);
    member.seat.members.push(member);
  }

  /** Takes the member out, and with its session's last connection the session's ephemeral votes. */
  remove(member: Member): void {
    if (!this.members.delete(member)) return;
    this.subscriptions.removeAll(member);
    this.relays.remove(member);
    member.gates = undefined;
    const { seat } = member;
    seat.members.splice(seat.members.indexOf(member), 1);
    if (seat.members.length > 0) return;
    for (const poll of this.ephemeralPolls.withdraw(seat.session)) {
      this.feed.touch("ephemeralPoll", poll);
    }
  }

  /** Gives a seat back for one of those who hold it. */
  vacate(seat: Seat): void {
    seat.holders--;
    if (seat.holders === 0) this.seats.delete(seat.session);
  }

  /** Sends a committed event of the log to those it is for. Called in the order of offsets. */
  deliver(entry: LogEntry): void {
    this.cursor = entry.offset;
    if (entry.topic === "config") this.config = JSON.parse(entry.frame).data;
    if (FOR_EVERYONE.has(entry.topic)) {
      for (const member of this.members) sendEntry(member, entry);
    } else {
      this.subscriptions.forEach(entry.topic, (member) => sendEntry(member, entry));
    }
  }

  /** Subscribes to what is not the log's or is wanted from now on; state is sent at once. */
  async subscribe(member: Member, topic: string): Promise<void> {
    this.subscriptions.add(member, topic);
    if (isStateTopic(topic)) await this.feed.request(member, topic);
  }

  unsubscribe(member: Member, topic: string): void {
    this.subscriptions.remove(member, topic);
    for (const gate of member.gates ?? []) gate.drop(topic);
  }
}

/** Whether subscribers of `topic` get the newest state rather than each event. */
export function isStateTopic(topic: string): boolean {
  return isStateEvent(topic.split(":", 1)[0]!);
}

function sendEntry(member: Member, entry: LogEntry): void {
  const gate = member.gates && gateFor(member.gates, entry.topic);
  if (gate) gate.hold(entry);
  else member.outbox.send(entry.frame);
}
