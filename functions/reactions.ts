import { z } from "zod";
import { ProtocolError } from "../lib/errors.ts";
import { defineFunction, type FunctionDefinition } from "../lib/functions/function.ts";
import { RateLimits } from "../lib/rate_limits.ts";

const input = z.object({
  emoji: z.string("must be an emoji").regex(/^\p{RGI_Emoji}$/v, "must be one emoji"),
});

/** How many reactions a second, and at once, each user has on each isolate. */
export interface ReactionsOptions {
  readonly rate?: number;
  readonly burst?: number;
}

/**
 * `reactions`: throws an emoji into the room. Subscribers of `signal:reaction` see it fly, and the
 * counter `reaction:EMOJI` counts it.
 */
export function createReactions(
  { rate = 5, burst = 10 }: ReactionsOptions = {},
): FunctionDefinition<z.output<typeof input>> {
  const limits = new RateLimits(rate, burst);
  return defineFunction({
    name: "reactions",
    input,
    run({ emoji }, { caller, room, now }) {
      if (limits.take(caller.userId, now) !== "accepted") {
        throw new ProtocolError("rate_limited", `React at most ${rate} times a second.`);
      }
      room.counter.add(`reaction:${emoji}`);
      room.signal("reaction", { emoji });
      return { emoji };
    },
  });
}
