/**
 * Exact decimals with six fractional digits, held as a whole number of millionths in a `bigint`.
 * Counters are sums of these, so a thousand times 0.1 is 100.
 */

const DIGITS = 6;
const UNIT = 10n ** BigInt(DIGITS);

/** The largest magnitude a counter may have, in millionths: 9,000,000,000,000 units. */
export const COUNTER_LIMIT = 9_000_000_000_000n * UNIT;

/** Numbers of a greater power of ten than this are out of any counter's reach. */
const MAX_EXPONENT = 30;

const PATTERN = /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d{1,6}))?$/;

/**
 * Parses a decimal, such as `17.75`, `"-0.5"` or `"1e3"`, to millionths, rounding half away from
 * zero. A JSON number is taken by the shortest decimal that denotes it, so `0.1` is one tenth.
 *
 * @returns the millionths, or `undefined` where `value` is no finite decimal.
 */
export function parseDecimal(value: string | number): bigint | undefined {
  const match = PATTERN.exec(String(value));
  if (!match) return undefined;
  const [, sign, whole = "", fraction = "", exponentText = "0"] = match;
  const digits = whole + fraction;
  if (digits.length === 0) return undefined;
  if (/^0*$/.test(digits)) return 0n;

  // value = digits × 10^(exponent − fraction's length); `shift` makes that millionths.
  const shift = Number(exponentText) - fraction.length + DIGITS;
  const magnitude = digits.replace(/^0+/, "").length + shift;
  if (magnitude > MAX_EXPONENT) return (sign === "-" ? -1n : 1n) * 10n ** BigInt(MAX_EXPONENT);
  if (magnitude < 0) return 0n;

  const unsigned = shift >= 0
    ? BigInt(digits) * 10n ** BigInt(shift)
    : divideRounded(BigInt(digits), 10n ** BigInt(-shift));
  return sign === "-" ? -unsigned : unsigned;
}

function divideRounded(dividend: bigint, divisor: bigint): bigint {
  return (dividend * 2n + divisor) / (divisor * 2n);
}

/** The shortest decimal text of `millionths`: `1442377780000n` is `"1442377.78"`. */
export function formatDecimal(millionths: bigint): string {
  const negative = millionths < 0n;
  const digits = (negative ? -millionths : millionths).toString().padStart(DIGITS + 1, "0");
  const whole = digits.slice(0, -DIGITS);
  const fraction = digits.slice(-DIGITS).replace(/0+$/, "");
  return `${negative ? "-" : ""}${whole}${fraction === "" ? "" : `.${fraction}`}`;
}
