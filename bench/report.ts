/** A table of measurements. Numbers stand to the right, text to the left. */
export interface Table {
  readonly headings: readonly string[];
  readonly rows: readonly (readonly (string | number)[])[];
}

/** One measurement beside another to compare it with, both of the same run. */
export interface Row {
  readonly name: string;
  readonly floor: number;
  readonly ours: number;
  /** Median of the rounds' own ratios, since machines drift between rounds. */
  readonly ratio: number;
  readonly note: string;
}

/** The table of what has a floor. */
export function besideFloor(...rows: Row[]): Table {
  return comparison(["what", "floor", "Tallyroom", "ratio", ""], rows);
}

/** A table of `rows` under headings for name, floor, ours, ratio and note. */
export function comparison(headings: readonly string[], rows: readonly Row[]): Table {
  return {
    headings,
    rows: rows.map(({ name, floor, ours, ratio, note }) => [name, floor, ours, ratio, note]),
  };
}

/** The tables with those of the same headings made one. */
export function merged(tables: readonly Table[]): Table[] {
  return Object.values(Object.groupBy(tables, ({ headings }) => headings.join())).map((same) => ({
    headings: same![0]!.headings,
    rows: same!.flatMap(({ rows }) => rows),
  }));
}

/** The table in Markdown. */
export function markdown({ headings, rows }: Table): string {
  const sides = headings.map((_, i) => typeof rows[0]?.[i] === "number" ? "---:" : "---");
  return [headings, sides, ...rows].map((cells) => `| ${cells.map(text).join(" | ")} |`).join("\n");
}

/** Large numbers are told whole, others to the hundredth, and what was not measured as a dash. */
function text(cell: string | number): string {
  if (typeof cell === "string") return cell;
  if (Number.isNaN(cell)) return "–";
  const digits = cell < 100 ? 2 : 0;
  return cell.toLocaleString("en", {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** The value that the share `q` of all values are below; `NaN` when there are none. */
export function quantile(values: readonly number[], q: number): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length * q)] ?? NaN;
}
