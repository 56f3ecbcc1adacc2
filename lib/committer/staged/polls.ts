import { fromSum, keys } from "../../store/keys.ts";
import type { Store } from "../../store/store.ts";
import type { Cost } from "./cost.ts";
import type { Reads } from "./reads.ts";

interface StagedPoll {
  /** Counts as read: of all answers if `listed`, else of those that are voted for. */
  readonly counts: Map<string, bigint>;
  readonly deltas: Map<string, bigint>;
  listed: boolean;
}

interface StagedVote {
  readonly poll: string;
  readonly session: string;
  readonly version: string | null;
  readonly stored: string | undefined;
  answer: string | undefined;
}

/**
 * Votes staged for a room's polls. A session's vote is a key of its own, which the commit checks;
 * how many have given an answer is a sum, to which all add without a conflict.
 */
export class StagedPolls {
  readonly #polls = new Map<string, StagedPoll>();
  readonly #votes = new Map<string, StagedVote>();
  /** Answers that nobody gave any more, as seen; worth deleting. */
  readonly empty: Deno.KvEntry<unknown>[] = [];

  constructor(readonly room: string, readonly cost: Cost, readonly maxAnswers: number) {}

  plan(reads: Reads, poll: string, session: string, answer: string): void {
    reads.want(keys.vote(this.room, poll, session), ({ value, versionstamp }) => {
      const stored = (value as string | null) ?? undefined;
      const vote = { poll, session, version: versionstamp, stored, answer: stored };
      this.#votes.set(voteName(poll, session), vote);
    });
    reads.want(keys.tally(this.room, poll, answer), ({ value }) => {
      this.#poll(poll).counts.set(answer, fromSum(value as Deno.KvU64 | null));
    });
  }

  /** Reads all of a poll's answers where one is new, which makes it a question how many there are. */
  async loadGrowing(store: Store): Promise<void> {
    const growing = [...this.#polls].filter(([, { counts }]) => [...counts.values()].includes(0n));
    await Promise.all(growing.map(async ([id, poll]) => {
      const selector = { prefix: keys.tallies(this.room, id) };
      const tallies = await store.list<Deno.KvU64>(selector, { limit: this.maxAnswers + 1000 });
      for (const tally of tallies) {
        const count = fromSum(tally.value);
        poll.counts.set(String(tally.key.at(-1)), count);
        if (count === 0n) this.empty.push(tally);
      }
      poll.listed = true;
    }));
  }

  /** Whether a vote leaves the poll with no more different answers than it may have. */
  canVote(id: string, session: string, answer: string): boolean {
    const poll = this.#poll(id);
    if (countOf(poll, answer) > 0n || !poll.listed) return true;
    const left = this.#vote(id, session).answer;
    const freed = left !== undefined && countOf(poll, left) === 1n ? 1 : 0;
    const answers = new Set([...poll.counts.keys(), ...poll.deltas.keys()]);
    const given = [...answers].filter((other) => countOf(poll, other) > 0n).length;
    return given - freed < this.maxAnswers;
  }

  vote(id: string, session: string, answer: string): void {
    const vote = this.#vote(id, session);
    if (vote.answer === answer) return;
    const { deltas } = this.#poll(id);
    if (vote.answer !== undefined) deltas.set(vote.answer, (deltas.get(vote.answer) ?? 0n) - 1n);
    deltas.set(answer, (deltas.get(answer) ?? 0n) + 1n);
    vote.answer = answer;
    this.cost.spend(1, 3, answer.length);
  }

  fill(atomic: Deno.AtomicOperation): void {
    for (const { poll, session, version, stored, answer } of this.#votes.values()) {
      if (answer === stored) continue;
      const key = keys.vote(this.room, poll, session);
      atomic.check({ key, versionstamp: version }).set(key, answer);
    }
    for (const [poll, { deltas }] of this.#polls) {
      for (const [answer, delta] of deltas) {
        if (delta === 0n) continue;
        atomic.sum(keys.tally(this.room, poll, answer), BigInt.asUintN(64, delta));
      }
    }
  }

  /** The ids of the polls in which votes have changed. */
  touched(): string[] {
    return [...this.#polls].filter(([, { deltas }]) => deltas.size > 0).map(([id]) => id);
  }

  #poll(id: string): StagedPoll {
    let poll = this.#polls.get(id);
    if (!poll) this.#polls.set(id, poll = { counts: new Map(), deltas: new Map(), listed: false });
    return poll;
  }

  #vote(poll: string, session: string): StagedVote {
    return this.#votes.get(voteName(poll, session))!;
  }
}

function voteName(poll: string, session: string): string {
  return JSON.stringify([poll, session]);
}

function countOf(poll: StagedPoll, answer: string): bigint {
  return (poll.counts.get(answer) ?? 0n) + (poll.deltas.get(answer) ?? 0n);
}
