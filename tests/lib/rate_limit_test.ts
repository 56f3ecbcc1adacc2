import { assertEquals } from "@std/assert";
import { RateLimit } from "../../lib/rate_limit.ts";

Deno.test("a burst is let through, then the rate, and only going on regardless is abuse", () => {
  const limit = new RateLimit(100, 200, 0);
  const take = (count: number, now: number): string[] =>
    Array.from({ length: count }, () => limit.take(now));
  assertEquals(new Set(take(200, 0)), new Set(["accepted"]));
  assertEquals(limit.take(0), "limited");
  // A refused message is owed for: 10 ms bring one token, and 20 ms it takes to send again.
  assertEquals(limit.take(10), "limited");
  assertEquals(limit.take(30), "accepted");
  assertEquals(new Set(take(900, 30)), new Set(["limited"]));
  assertEquals(take(300, 30).at(-1), "abusive");
  assertEquals(limit.take(60_000), "accepted");
});
