/** Whether somebody pays attention: any of a user's connections, all of them none, or there are none. */
export type Status = "ONLINE" | "AWAY" | "OFFLINE";

/** What connections are known by on all isolates: their user, their channel, themselves. */
export type AddressKind = "user" | "channel" | "client";

/** What connections can be addressed by. */
export type TargetKind = AddressKind | "room";

/** To whom a message goes: every connection that any of the ids names, once. */
export interface Target {
  readonly kind: TargetKind;
  readonly ids: readonly string[];
  /** A connection that it does not go to, by its client id. */
  readonly except?: string;
}

/** What an isolate has under an address. */
export interface AtRecord {
  /** How many connections. */
  readonly count: number;
  /** Whether any of them is active. */
  readonly status: Status;
}
