/**
 * Builds what browsers load from the server: `deno task build`, which starting the server does, too.
 * `dist/` then holds the client, its declarations and the widgets.
 */
import * as esbuild from "esbuild";

const root = new URL("./", import.meta.url);
const SCRIPTS = {
  client: "lib/client/client.ts",
  widgets: "lib/client/widgets/index.ts",
};

await Deno.mkdir(new URL("dist", root), { recursive: true });
await esbuild.build({
  absWorkingDir: new URL(root).pathname,
  entryPoints: SCRIPTS,
  outdir: "dist",
  bundle: true,
  minify: true,
  format: "esm",
  target: "es2022",
  legalComments: "none",
});
await esbuild.stop();

// The interface is a file of types alone, so it declares itself.
const api = await Deno.readTextFile(new URL("lib/client/api.ts", root));
const declarations = `${api}
/** Connects to a room of a Tallyroom server. */
export declare function createClient(options: ClientOptions): Client;
`;
await Deno.writeTextFile(new URL("dist/client.d.ts", root), declarations);
