/**
 * Finds a part that a machine may lack. There, the tests that need it are skipped, and this says
 * so; with `REQUIRE_OPTIONAL_PARTS=1`, as in CI, a missing part is a failure.
 *
 * @param candidates programs, the first of which that runs with `args` is taken.
 */
export async function findProgram(
  name: string,
  candidates: readonly (string | undefined)[],
  args: string[] = ["--version"],
): Promise<string | undefined> {
  for (const candidate of candidates) {
    if (!candidate) continue;
    try {
      const command = new Deno.Command(candidate, { args, stdout: "null", stderr: "null" });
      // Some programs do not know --version; that they are there is enough.
      if ((await command.output()).success || args[0] === "--version") return candidate;
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
