import { COUNTER_LIMIT, formatDecimal } from "../decimal.ts";
import { ProtocolError } from "../errors.ts";
import { tooManyAnswers } from "../hub/ephemeral_polls.ts";
import type { Change, RoomView } from "./change.ts";

/**
 * The change that adds to a counter that was needed, in millionths.
 *
 * @throws {ProtocolError} `counter_overflow` where the counter would leave its range.
 */
export function addToCounter(view: RoomView, counter: string, delta: bigint): Change {
  const sum = view.counter(counter) + delta;
  if (sum > COUNTER_LIMIT || sum < -COUNTER_LIMIT) throw overflow(counter);
  return { add: { counter, delta } };
}

/**
 * The change that casts a vote that was needed, or moves it.
 *
 * @throws {ProtocolError} `limit_exceeded` where the poll would have more than `maxAnswers`.
 */
export function castVote(
  view: RoomView,
  vote: NonNullable<Change["vote"]>,
  maxAnswers: number,
): Change {
  const { poll, session, answer } = vote;
  if (!view.canVote(poll, session, answer)) throw tooManyAnswers(maxAnswers);
  return { vote };
}

function overflow(id: string): ProtocolError {
  const limit = formatDecimal(COUNTER_LIMIT);
  return new ProtocolError(
    "counter_overflow",
    `The counter ${JSON.stringify(id)} would leave its range of ±${limit}: nothing was added.`,
  );
}
