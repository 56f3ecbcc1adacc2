import type { Member } from "./member.ts";
import type { Profile } from "./profile.ts";

/** A session's place in a room, shared by all connections that the session has there. */
export class Seat {
  readonly members: Member[] = [];
  /** How many connections have it, or are on their way to. */
  holders = 0;

  constructor(
    /** The sticky session: a secret that only its owner may be sent. */
    readonly session: string,
    public profile: Profile,
  ) {}
}
