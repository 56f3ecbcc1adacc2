/**
 * Parts that a machine may lack. There, their tests say so and are skipped; with
 * `REQUIRE_OPTIONAL_PARTS=1`, as in CI, a missing part is a failure.
 */
export async function findProgram(
  name: string,
  candidates: readonly (string | undefined)[],
): Promise<string | undefined> {
  for (const candidate of candidates) {
    if (!candidate) continue;
    try {
      await new Deno.Command(candidate, {
        args: ["--version"],
        stdout: "null",
        stderr: "null",
      }).output();
      return candidate;
    } catch {
      // Not this one.
    }
  }
  if (Deno.env.get("REQUIRE_OPTIONAL_PARTS") === "1") {
    throw new Error(`${name} is required here, and is none of ${candidates.filter(Boolean)}`);
  }
  console.warn(`${name} was not found: the tests that need it are skipped`);
  return undefined;
}
