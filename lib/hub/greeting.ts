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

/** The `connection` message, which tells a member who and where it is. */
export function connectionMessage(member: Member, instance: string): string {
  const { clientId, userId, channelId, room } = member;
  return JSON.stringify({
    type: "connection",
    data: {
      client_id: clientId,
      root_id: userId,
      user_id: userId,
      channel_id: channelId,
      room: room.name,
      instance,
      epoch: room.epoch,
      offset: String(room.cursor),
    },
  });
}

/** The `config` message of a configuration that is no news. */
export function configMessage(config: string): string {
  return JSON.stringify({ type: "config", data: config });
}
