/** An event of a room's log, as committed. */
export interface LogEntry {
  readonly offset: number;
  /** What those subscribe to whom it is for: `event` or `event:id`. */
  readonly topic: string;
  /** The message as it is sent, with its `offset`. */
  readonly frame: string;
}
