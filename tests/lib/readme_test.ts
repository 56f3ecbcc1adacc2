import { assert, assertEquals } from "@std/assert";
import { readSettings } from "../../lib/settings.ts";

const readme = await Deno.readTextFile(new URL("../../README.md", import.meta.url));

Deno.test("the README tells every setting, with its default", () => {
  const defaults = readSettings({});
  for (const [name, value] of Object.entries(defaults)) {
    // What Deno Deploy sets is not for anyone else to.
    if (name.startsWith("DENO_")) continue;
    const row = readme.split("\n").find((line) =>
      line.startsWith("| `") && line.includes(`\`${name}\``)
    );
    assert(row, `${name} is missing`);
    if (typeof value !== "object" && value !== undefined) {
      assert(row.includes(`\`${value}\``), `${name} is ${value}: ${row}`);
    }
  }
});

Deno.test("the README tells every error code", async () => {
  const source = await Deno.readTextFile(new URL("../../lib/errors.ts", import.meta.url));
  const codes = [...source.matchAll(/^ {2}\| "(\w+)"/gm)].map(([, code]) => code!);
  assertEquals(codes.length, 13);
  for (const code of codes) assert(readme.includes(`| \`${code}\``), `${code} is missing`);
});
