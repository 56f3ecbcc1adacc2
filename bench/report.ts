/** One measurement beside its floor, both of the same run. */
export interface Row {
  readonly name: string;
  readonly floor: number;
  readonly ours: number;
  /** Median of the rounds' own ratios, since machines drift between rounds. */
  readonly ratio: number;
  readonly note: string;
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)]!;
}

/** The rows as a Markdown table. */
export function table(rows: readonly Row[]): string {
  const lines = rows.map(({ name, floor, ours, ratio, note }) =>
    `| ${name} | ${round(floor)} | ${round(ours)} | ${ratio.toFixed(2)} | ${note} |`
  );
  return ["| what | floor | Tallyroom | ratio | |", "| --- | ---: | ---: | ---: | --- |", ...lines]
    .join("\n");
}

function round(value: number): string {
  return Math.round(value).toLocaleString("en");
}
