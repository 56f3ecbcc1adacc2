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
}
