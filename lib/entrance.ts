import { Addresses } from "./addresses.ts";
import type { Committer } from "./committer/committer.ts";
import type { Hub } from "./hub/hub.ts";
import type { ConnectionDetails } from "./hub/member.ts";
import { Profile } from "./hub/profile.ts";
import type { Room } from "./hub/room.ts";
import type { Seat } from "./hub/seat.ts";

/** A place in a room, taken before there is a socket, so that a refusal can be an HTTP error. */
export interface Entry {
  readonly room: Room;
  readonly seat: Seat;
  readonly details: ConnectionDetails;
}

export interface EntranceOptions {
  readonly now: () => number;
  /** How long a session is remembered after its last visit. */
  readonly sessionSeconds: number;
  readonly maxPerAddress: number;
}

/** A visit is only written to the store when this share of a session's time has passed since. */
const RENEWAL = 0.1;

/** Gives places in rooms to sessions, new ones and such as come back. */
export class Entrance {
  readonly #addresses: Addresses;

  constructor(
    readonly hub: Hub,
    readonly committer: Committer,
    readonly options: EntranceOptions,
  ) {
    this.#addresses = new Addresses(options.maxPerAddress);
  }

  /**
   * Takes a session's place in a room, which makes the room if there is none.
   *
   * @throws {ProtocolError} `unavailable` while the store is away, `limit_exceeded` for one more
   * connection than an address may have.
   */
  async enter(roomName: string, session: string, details: ConnectionDetails): Promise<Entry> {
    const { address = "" } = details;
    this.#addresses.take(address);
    const room = this.hub.hold(roomName);
    try {
      const seat = room.seats.get(session) ?? await this.#takeSeat(room, session);
      seat.holders++;
      return { room, seat, details };
    } catch (error) {
      this.hub.release(room);
      this.#addresses.giveBack(address);
      throw error;
    }
  }

  /** Gives a place back, whether or not it has been connected to. Once. */
  giveBack({ room, seat, details }: Entry): void {
    room.vacate(seat);
    this.hub.release(room);
    this.#addresses.giveBack(details.address ?? "");
  }

  #takeSeat(room: Room, session: string): Promise<Seat> {
    const { now, sessionSeconds } = this.options;
    return new Promise((resolve, reject) => {
      let profile: Profile;
      this.committer.submit({
        room,
        session,
        size: 0,
        // Where there are others, who comes may have been told more by them than is known here.
        needs: () => {
          const own = { kind: "session", session } as const;
          return room.sharing?.others.length ? [own, { kind: "head" }] : [own];
        },
        handle: (view) => {
          const stored = view.session(session);
          profile = stored?.profile ?? new Profile(view.nextSuffix, {});
          const dueAt = (stored?.at ?? -Infinity) + sessionSeconds * 1000 * RENEWAL;
          return now() < dueAt ? {} : { profile: { session, profile } };
        },
        settled: ({ error }) => {
          if (error) reject(error);
          else resolve(room.seat(session, profile));
        },
      });
    });
  }
}
