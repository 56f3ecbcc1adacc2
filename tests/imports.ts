/**
 * Checks that imports point one way: `deno run --allow-read tests/imports.ts`. Each folder may
 * import what stands in its line, and itself.
 */

const ALLOWED: Record<string, readonly string[]> = {
  "main.ts": ["mod.ts", "functions", "lib"],
  "mod.ts": ["routes", "lib", "lib/direct", "lib/functions", "lib/protocol", "lib/store"],
  "parallel.ts": ["lib"],
  "routes": [
    "deno.json",
    "lib",
    "lib/auth",
    "lib/commands",
    "lib/direct",
    "lib/hub",
    "lib/protocol",
  ],
  "functions": ["lib", "lib/functions"],
  "lib/client": [],
  "lib/client/react": ["lib/client"],
  "lib/client/widgets": ["lib/client"],
  // The top of lib wires the folders below it, and holds what all of them use.
  "lib": [
    "lib/auth",
    "lib/bus",
    "lib/commands",
    "lib/committer",
    "lib/direct",
    "lib/functions",
    "lib/hub",
    "lib/protocol",
    "lib/store",
  ],
  "lib/functions": ["lib", "lib/committer", "lib/hub", "lib/protocol", "lib/store"],
  "lib/direct": [
    "lib",
    "lib/auth",
    "lib/committer",
    "lib/committer/staged",
    "lib/hub",
    "lib/protocol",
    "lib/store",
  ],
  "lib/commands": ["lib", "lib/auth", "lib/committer", "lib/hub", "lib/protocol"],
  "lib/bus": ["lib", "lib/committer", "lib/hub", "lib/protocol", "lib/store"],
  "lib/committer": ["lib", "lib/committer/staged", "lib/hub", "lib/protocol", "lib/store"],
  "lib/committer/staged": ["lib", "lib/committer", "lib/hub", "lib/protocol", "lib/store"],
  "lib/hub": ["lib", "lib/protocol"],
  "lib/store": ["lib", "lib/protocol"],
  "lib/auth": ["lib", "lib/protocol"],
  "lib/protocol": ["lib"],
  "tests": [],
  "tests/lib": ["lib", "tests/harness"],
  "tests/sources": ["mod.ts", "tests/harness"],
  "tests/integration": [
    "mod.ts",
    "bench",
    "functions",
    "lib",
    "lib/bus",
    "lib/client",
    "lib/functions",
    "tests/harness",
  ],
  "tests/client": [
    "mod.ts",
    "lib",
    "lib/client",
    "lib/functions",
    "lib/hub",
    "lib/protocol",
    "tests/harness",
  ],
  "tests/harness": ["functions", "lib", "lib/store", "routes"],
  "bench": ["tests/harness"],
};

const root = new URL("../", import.meta.url);
const faults: string[] = [];
let files = 0;
for (const start of ["functions", "lib", "routes", "tests", "bench"]) await walk(start);
for (const start of ["main.ts", "mod.ts", "parallel.ts"]) await inspect(start);
if (faults.length > 0) {
  console.error(faults.join("\n"));
  Deno.exit(1);
}
console.log(`Imports of ${files} files point the right way`);

async function walk(folder: string): Promise<void> {
  for await (const { name, isDirectory } of Deno.readDir(new URL(folder, root))) {
    if (isDirectory) await walk(`${folder}/${name}`);
    else if (name.endsWith(".ts")) await inspect(`${folder}/${name}`);
  }
}

async function inspect(file: string): Promise<void> {
  files++;
  const text = await Deno.readTextFile(new URL(file, root));
  const from = placeOf(file);
  for (const [, specifier] of text.matchAll(/^(?:import|export)\b[^;]*?from "(\.[^"]+)";/gms)) {
    const target = new URL(specifier!, new URL(file, root)).href.slice(root.href.length);
    const to = placeOf(target);
    if (to === from || ALLOWED[from]?.includes(to)) continue;
    faults.push(`${file} imports ${target}: ${from} may not import ${to}`);
  }
}

/** The folder that a file belongs to; those at the top are places of their own. */
function placeOf(file: string): string {
  const slash = file.lastIndexOf("/");
  return slash === -1 ? file : file.slice(0, slash);
}
