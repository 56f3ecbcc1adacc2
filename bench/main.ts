/**
 * `deno task bench [fan-out | counters | direct | idle | latency | scaling | operations |
 * widgets]…`: measures each beside its floor.
 */
import { counters } from "./counters.ts";
import { direct } from "./direct.ts";
import { fanOut } from "./fan_out.ts";
import { idle } from "./idle.ts";
import { latency } from "./latency.ts";
import { operations } from "./operations.ts";
import { besideFloor, markdown, merged, type Table } from "./report.ts";
import { scaling } from "./scaling.ts";
import { widgets } from "./widgets.ts";

const BENCHES: Record<string, () => Promise<Table>> = {
  "fan-out": async () => besideFloor(await fanOut(500), await fanOut(100)),
  "counters": async () => besideFloor(await counters()),
  "direct": async () => besideFloor(await direct()),
  "idle": async () => besideFloor(await idle()),
  "latency": latency,
  "scaling": scaling,
  "operations": operations,
  "widgets": widgets,
};

const names = Deno.args.length > 0 ? Deno.args : Object.keys(BENCHES);
const tables: Table[] = [];
for (const name of names) {
  const bench = BENCHES[name];
  if (!bench) {
    console.error(`There is no bench ${name}; there are ${Object.keys(BENCHES).join(", ")}`);
    Deno.exit(1);
  }
  console.error(`Running ${name} …`);
  tables.push(await bench());
}
const measured = tables.filter(({ rows }) => rows.length > 0);
console.log(merged(measured).map(markdown).join("\n\n"));
Deno.exit(0);
