import { z } from "zod";
import { ProtocolError } from "../errors.ts";
import type { Member } from "../hub/member.ts";
import { subscribeFrom } from "../hub/replay.ts";
import { isStateTopic } from "../hub/room.ts";
import { type Asker, every, type Permission, type Policy } from "../policy.ts";
import type { Fields } from "../protocol/fields.ts";
import { type LocalCommand, localCommand } from "./command.ts";

/**
 * Subscribes to an event, or to one thing's events. With `since` or `history` the log's past events
 * of that kind come first; of counters and polls, the current state does.
 */
export function subscribe({ topic, offset }: Fields): LocalCommand {
  return localCommand({
    type: "subscribe",
    input: z.object({
      data: topic,
      since: offset.optional(),
      epoch: z.string().max(64).optional(),
      history: offset.optional(),
    }),
    permit({ data, since, history }, caller, policy) {
      const past = since !== undefined || history !== undefined;
      return mayKnow(policy, caller, caller.room.name, [data], past);
    },
    async run({ data, since, epoch, history }, { member, room, past, limits }) {
      checkSubscriptions(member, [data], limits.maxSubscriptions);
      if (isStateTopic(data) || since === undefined && history === undefined) {
        await room.subscribe(member, data);
        return { replayed: 0, complete: true };
      }
      const start = since !== undefined ? { since, epoch } : { history: history! };
      const { replayed, complete } = await subscribeFrom(room, past, member, [data], start);
      return { replayed, complete };
    },
  });
}

/**
 * Whether one may subscribe to topics.
 *
 * @param past whether from a point in the past.
 */
export function mayKnow(
  policy: Policy,
  asker: Asker,
  room: string,
  topics: readonly string[],
  past: boolean,
): Permission {
  const users = topics.includes("presence") ? policy.mayReadUsers(asker, room) : true;
  return every(users, past ? policy.mayReadHistory(asker, room) : true);
}

/** @throws {ProtocolError} `limit_exceeded` where `topics` would be too many with those held. */
export function checkSubscriptions(
  member: Pick<Member, "topics">,
  topics: readonly string[],
  limit: number,
): void {
  const added = topics.filter((topic) => !member.topics.includes(topic)).length;
  if (member.topics.length + added <= limit) return;
  throw new ProtocolError(
    "limit_exceeded",
    `A connection has at most ${limit} subscriptions: unsubscribe from something first.`,
  );
}
