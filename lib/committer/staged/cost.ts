/** What the store takes in one commit, 800 KiB and 1,000 mutations, less a margin. */
const MAX_BYTES = 780_000;
const MAX_MUTATIONS = 950;
/** The fence's share of a commit: a check and a mutation. */
const FENCE = 1;

/** An upper bound of what a commit will hold, by the measures the store limits. */
export class Cost {
  checks = 0;
  mutations = 0;
  bytes = 0;

  /** @param characters of texts; each may take two bytes. Keys and frames are reckoned beside. */
  spend(checks: number, mutations: number, characters: number): void {
    this.checks += checks;
    this.mutations += mutations;
    this.bytes += characters * 2 + mutations * 200;
  }

  /** Whether the store takes so much more in the same commit, of which the fence is a part. */
  leaves(
    maxChecks: number,
    { checks, mutations, bytes }: { checks: number; mutations: number; bytes: number },
  ): boolean {
    return FENCE + this.checks + checks <= maxChecks &&
      FENCE + this.mutations + mutations <= MAX_MUTATIONS &&
      this.bytes + bytes <= MAX_BYTES;
  }
}
