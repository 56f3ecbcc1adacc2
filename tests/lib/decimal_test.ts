import { assertEquals } from "@std/assert";
import { COUNTER_LIMIT, formatDecimal, parseDecimal } from "../../lib/decimal.ts";
import { seededRandom } from "../harness/random.ts";

Deno.test("decimals are read exactly and rounded half away from zero", () => {
  const cases: [string | number, bigint | undefined][] = [
    [17.75, 17_750_000n],
    [-15.14, -15_140_000n],
    [0.1, 100_000n],
    ["0.1", 100_000n],
    ["1e3", 1_000_000_000n],
    [1e-7, 0n],
    ["0.0000005", 1n],
    ["-0.0000005", -1n],
    ["0.00000049999", 0n],
    ["+.5", 500_000n],
    ["5.", 5_000_000n],
    ["-0", 0n],
    ["0e999999", 0n],
    ["1e-999999", 0n],
    ["", undefined],
    [".", undefined],
    ["1,5", undefined],
    ["0x10", undefined],
    ["1e", undefined],
    [" 1", undefined],
    ["١", undefined],
    [NaN, undefined],
    [Infinity, undefined],
  ];
  for (const [text, millionths] of cases) {
    assertEquals(parseDecimal(text), millionths, String(text));
  }
  // However large, it is out of range in the right direction, and costs no time.
  assertEquals(parseDecimal("1e999999")! > COUNTER_LIMIT, true);
  assertEquals(parseDecimal("-1e999999")! < -COUNTER_LIMIT, true);
});

Deno.test("every value in millionths survives being written and read", () => {
  const random = seededRandom("decimals");
  for (let i = 0; i < 20_000; i++) {
    const magnitude = BigInt(random.below(2 ** 32)) * BigInt(random.below(2 ** 32)) >>
      BigInt(random.below(64));
    const value = (random.below(2) ? 1n : -1n) * (magnitude % (COUNTER_LIMIT + 1n));
    const text = formatDecimal(value);
    assertEquals(parseDecimal(text), value, text);
    assertEquals(/\.\d*0$|\.$|^-0$/.test(text), false, text);
  }
});

Deno.test("texts are rounded as whole-number arithmetic says", () => {
  const random = seededRandom("rounding");
  for (let i = 0; i < 20_000; i++) {
    const digits = String(random.below(2 ** 32)) + String(random.below(2 ** 32));
    const exponent = random.below(24) - 12;
    // digits × 10^exponent in units is digits × 10^(exponent + 6) in millionths.
    const shift = exponent + 6;
    const expected = shift >= 0
      ? BigInt(digits) * 10n ** BigInt(shift)
      : (BigInt(digits) + 10n ** BigInt(-shift) / 2n) / 10n ** BigInt(-shift);
    const parsed = parseDecimal(`${digits}e${exponent}`)!;
    // What no counter could ever reach is only said to be that.
    if (expected > 10n ** 30n) assertEquals(parsed > COUNTER_LIMIT, true);
    else assertEquals(parsed, expected, `${digits}e${exponent}`);
  }
});
