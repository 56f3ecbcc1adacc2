import type { Held, HeldRef, HeldWrite } from "./holdings.ts";
import type { Room } from "./room.ts";

/** A room's way to the other isolates. */
export interface Outside {
  /** This isolate's name among its peers. */
  readonly self: string;
  /**
   * Writes what this isolate holds in the room for the others to see; `writes` may be called again.
   * Rejects when nothing could be written.
   */
  publish(room: Room, writes: () => readonly HeldWrite[]): Promise<void>;
  /** Reads what peers hold in a room: for each of `refs` what there is under it. */
  read(room: string, refs: readonly HeldRef[]): Promise<Held[][]>;
  /** Resolves when publishing and reading are worth another try. */
  whenBack(): Promise<void>;
  /** Passes a signal on. It may be lost; of the same sender and topic, the newest counts. */
  signal(room: Room, topic: string, sender: string, frame: string): void;
  /** Tells the other isolates in the room of a user's status. */
  tellStatus(room: Room, user: string, frame: string): void;
  /** Whether a user has no connection on any isolate. */
  isOffline(user: string): Promise<boolean>;
}
