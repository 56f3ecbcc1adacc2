/** `deno task bench [fan-out | counters | idle]…`: measures each beside its floor. */
import { counters } from "./counters.ts";
import { fanOut } from "./fan_out.ts";
import { idle } from "./idle.ts";
import { type Row, table } from "./report.ts";

const BENCHES: Record<string, () => Promise<Row[]>> = {
  "fan-out": async () => [await fanOut(500), await fanOut(100)],
  "counters": async () => [await counters()],
  "idle": async () => [await idle()],
};

const names = Deno.args.length > 0 ? Deno.args : Object.keys(BENCHES);
const rows: Row[] = [];
for (const name of names) {
  const bench = BENCHES[name];
  if (!bench) {
    console.error(`There is no bench ${name}; there are ${Object.keys(BENCHES).join(", ")}`);
    Deno.exit(1);
  }
  console.error(`Running ${name} …`);
  rows.push(...await bench());
}
console.log(table(rows));
Deno.exit(0);
