import { ProtocolError } from "../errors.ts";

interface EphemeralPoll {
  /** Session → answer. */
  readonly votes: Map<string, string>;
  /** Answer → how many have given it; never 0. */
  readonly stats: Map<string, number>;
}

const NO_STATS: ReadonlyMap<string, number> = new Map();

/** A room's votes that last as long as their voter is connected. */
export class EphemeralPolls {
  readonly #polls = new Map<string, EphemeralPoll>();

  /**
   * Sets the session's vote, in place of its earlier one.
   *
   * @throws {ProtocolError} `limit_exceeded` for one more than `maxAnswers` different answers.
   */
  vote(id: string, session: string, answer: string, maxAnswers: number): void {
    const poll = this.#polls.get(id) ?? { votes: new Map(), stats: new Map() };
    const left = poll.votes.get(session);
    if (left === answer) return;
    const freed = left !== undefined && poll.stats.get(left) === 1 ? 1 : 0;
    if (!poll.stats.has(answer) && poll.stats.size - freed >= maxAnswers) {
      throw tooManyAnswers(maxAnswers);
    }
    if (left !== undefined) uncount(poll.stats, left);
    poll.votes.set(session, answer);
    poll.stats.set(answer, (poll.stats.get(answer) ?? 0) + 1);
    this.#polls.set(id, poll);
  }

  /** Takes back every vote of `session`; returns the polls it had voted in. */
  withdraw(session: string): string[] {
    const touched: string[] = [];
    for (const [id, { votes, stats }] of this.#polls) {
      const answer = votes.get(session);
      if (answer === undefined) continue;
      votes.delete(session);
      uncount(stats, answer);
      if (votes.size === 0) this.#polls.delete(id);
      touched.push(id);
    }
    return touched;
  }

  /** How many have given each answer. */
  stats(id: string): ReadonlyMap<string, number> {
    return this.#polls.get(id)?.stats ?? NO_STATS;
  }

  ids(): string[] {
    return [...this.#polls.keys()];
  }
}

function uncount(stats: Map<string, number>, answer: string): void {
  const count = stats.get(answer)! - 1;
  if (count === 0) stats.delete(answer);
  else stats.set(answer, count);
}

/** Refuses one more distinct answer. */
export function tooManyAnswers(limit: number): ProtocolError {
  return new ProtocolError(
    "limit_exceeded",
    `The poll has ${limit} different answers already: vote for one of them.`,
  );
}
