import type { ConnectionDetails, Member } from "./member.ts";
import type { Profile } from "./profile.ts";

/** A member's own profile, with what only its owner may see. */
export function profileOf(member: Member, profile: Profile = member.seat.profile): {
  id: string;
  suffix: number;
  properties: Profile["properties"];
  role: string;
  connectionDetails: ConnectionDetails;
} {
  return {
    id: member.seat.session,
    suffix: profile.suffix,
    properties: profile.properties,
    role: member.role,
    connectionDetails: member.details,
  };
}

/** The `profile` message for a member. */
export function profileMessage(member: Member): string {
  return JSON.stringify({ type: "profile", data: profileOf(member) });
}

/** The `config` message of a configuration that is no news. */
export function configMessage(config: string): string {
  return JSON.stringify({ type: "config", data: config });
}
