import type { ProtocolError } from "../errors.ts";
import type { Room } from "../hub/room.ts";
import type { Change, Mail, Need, RoomView } from "./change.ts";

/** What came of a job, told after its change has been committed and delivered. */
export type JobOutcome =
  /** The ack's data as JSON text; `repeated` when an earlier sending had the effect. */
  | { readonly ack: string; readonly repeated: boolean; readonly error?: undefined }
  | { readonly error: ProtocolError };

/** A command on its way to the store. */
export interface Job {
  readonly room: Room;
  /** Whose `key` it is; of those without one it does not matter. */
  readonly session: string;
  /** Set: the change is made once, however often the session sends it. */
  readonly key?: string;
  /** The length of the message it came in, which bounds what it can ask for. */
  readonly size: number;
  /** How many mutations it may ask for, if that is more than a message's. */
  readonly mutations?: number;
  needs(): readonly Need[];
  /**
   * Decides what to change, be it several things together. May be called again, after a conflict.
   * Throws to refuse.
   */
  handle(view: RoomView): Change | Change[];
  /** What goes to other isolates in the same commit, if the job has an effect. */
  mails?(): readonly Mail[];
  /** Called once. */
  settled(outcome: JobOutcome): void;
}
