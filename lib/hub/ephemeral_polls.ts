import { ProtocolError } from "../errors.ts";

/** A vote as an isolate holds it; of a session's votes in a poll, the one with the latest `at` counts. */
export interface Vote {
  readonly answer: string;
  /** Milliseconds since 1970, and later than any vote of the session's known where it was cast. */
  readonly at: number;
}

interface EphemeralPoll {
  /** Session → holder → vote. */
  readonly votes: Map<string, Map<string, Vote>>;
  /** Answer → how many sessions have given it; never 0. */
  readonly stats: Map<string, number>;
}

const NO_STATS: ReadonlyMap<string, number> = new Map();
/** The holder that this isolate is. */
const HERE = "";

/**
 * A room's votes that last as long as their voter is connected. Every isolate that a session is
 * connected to holds its votes, so that they stay until the last of its connections is gone.
 */
export class EphemeralPolls {
  readonly #polls = new Map<string, EphemeralPoll>();

  /**
   * Sets the session's vote, in place of its earlier one.
   *
   * @throws {ProtocolError} `limit_exceeded` for one more than `maxAnswers` different answers.
   */
  vote(id: string, session: string, answer: string, now: number, maxAnswers: number): void {
    const { stats, votes } = this.#polls.get(id) ?? { stats: NO_STATS };
    const earlier = latest(votes?.get(session));
    const freed = earlier && stats.get(earlier.answer) === 1 ? 1 : 0;
    if (!stats.has(answer) && earlier?.answer !== answer && stats.size - freed >= maxAnswers) {
      throw tooManyAnswers(maxAnswers);
    }
    this.#set(id, session, HERE, { answer, at: Math.max(now, (earlier?.at ?? 0) + 1) });
  }

  /** Takes over a vote that a peer holds, or holds no more; returns whether the count has changed. */
  heard(id: string, session: string, peer: string, vote: Vote | undefined): boolean {
    return this.#set(id, session, peer, vote);
  }

  /** Holds here, too, what others hold of a session's votes; returns the polls in which that is new. */
  adopt(session: string): string[] {
    const adopted: string[] = [];
    for (const [id, { votes }] of this.#polls) {
      const held = votes.get(session);
      const vote = latest(held);
      const own = held?.get(HERE);
      if (!vote || own?.at === vote.at && own.answer === vote.answer) continue;
      this.#set(id, session, HERE, vote);
      adopted.push(id);
    }
    return adopted;
  }

  /** Gives up every vote of `session` that is held here; returns the polls it had voted in. */
  withdraw(session: string): string[] {
    const touched: string[] = [];
    for (const [id, { votes }] of this.#polls) {
      if (!votes.get(session)?.has(HERE)) continue;
      this.#set(id, session, HERE, undefined);
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

  /** The vote of a session that is held here. */
  held(id: string, session: string): Vote | undefined {
    return this.#polls.get(id)?.votes.get(session)?.get(HERE);
  }

  /** All that is held here, as polls and sessions. */
  *allHeld(): Generator<[poll: string, session: string]> {
    for (const [id, { votes }] of this.#polls) {
      for (const [session, held] of votes) if (held.has(HERE)) yield [id, session];
    }
  }

  #set(id: string, session: string, holder: string, vote: Vote | undefined): boolean {
    const poll = this.#polls.get(id) ?? { votes: new Map(), stats: new Map() };
    const held = poll.votes.get(session) ?? new Map<string, Vote>();
    const before = latest(held)?.answer;
    if (vote) held.set(holder, vote);
    else held.delete(holder);
    const after = latest(held)?.answer;
    if (before !== after) {
      if (before !== undefined) count(poll.stats, before, -1);
      if (after !== undefined) count(poll.stats, after, 1);
    }
    if (held.size > 0) poll.votes.set(session, held);
    else poll.votes.delete(session);
    if (poll.votes.size > 0) this.#polls.set(id, poll);
    else this.#polls.delete(id);
    return before !== after;
  }
}

/** The vote that counts; every isolate must come to the same. */
function latest(held: ReadonlyMap<string, Vote> | undefined): Vote | undefined {
  let best: Vote | undefined;
  for (const vote of held?.values() ?? []) {
    if (!best || vote.at > best.at || vote.at === best.at && vote.answer > best.answer) best = vote;
  }
  return best;
}

function count(stats: Map<string, number>, answer: string, by: number): void {
  const sum = (stats.get(answer) ?? 0) + by;
  if (sum === 0) stats.delete(answer);
  else stats.set(answer, sum);
}

/** Refuses one more distinct answer. */
export function tooManyAnswers(limit: number): ProtocolError {
  return new ProtocolError(
    "limit_exceeded",
    `The poll has ${limit} different answers already: vote for one of them.`,
  );
}
