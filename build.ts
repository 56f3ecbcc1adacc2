/**
 * Builds what browsers load from the server: `deno task build`, which starting the server does, too.
 * `dist/` then holds the client, its declarations and the widgets, as a package that npm takes.
 */
import * as esbuild from "esbuild";
import metadata from "./deno.json" with { type: "json" };

const root = new URL("./", import.meta.url);
const options: esbuild.BuildOptions = {
  absWorkingDir: root.pathname,
  outdir: "dist",
  bundle: true,
  minify: true,
  format: "esm",
  target: "es2022",
  legalComments: "none",
};

await Deno.mkdir(new URL("dist", root), { recursive: true });
await esbuild.build({
  ...options,
  entryPoints: { client: "lib/client/client.ts", widgets: "lib/client/widgets/index.ts" },
});
await esbuild.build({
  ...options,
  entryPoints: { react: "lib/client/react/index.ts" },
  external: ["react"],
  plugins: [{
    name: "the client beside it",
    setup: (build) => {
      build.onResolve({ filter: /\/client\.ts$/ }, () => ({ path: "./client.js", external: true }));
    },
  }],
});
await esbuild.stop();

// The interfaces are files of types alone, so they declare themselves.
const api = await Deno.readTextFile(new URL("lib/client/api.ts", root));
const hooks = await Deno.readTextFile(new URL("lib/client/react/api.ts", root));
const declarations = {
  "client.d.ts": `${api}
/** Connects to a room of a Tallyroom server. */
export declare function createClient(options: ClientOptions): Client;
`,
  "react.d.ts": hooks.replace("../api.ts", "./client.js"),
};
for (const [file, text] of Object.entries(declarations)) {
  await Deno.writeTextFile(new URL(`dist/${file}`, root), text);
}

const { name, version, license } = metadata;
const manifest = {
  name: name.replace("/tallyroom", "/client"),
  version,
  description: "The client of Tallyroom: realtime rooms over plain WebSockets.",
  license,
  type: "module",
  exports: {
    ".": { types: "./client.d.ts", default: "./client.js" },
    "./react": { types: "./react.d.ts", default: "./react.js" },
    "./widgets": "./widgets.js",
  },
  files: ["client.js", "client.d.ts", "react.js", "react.d.ts", "widgets.js"],
  peerDependencies: { react: ">=18" },
  peerDependenciesMeta: { react: { optional: true } },
  sideEffects: ["./widgets.js"],
};
await Deno.writeTextFile(new URL("dist/package.json", root), JSON.stringify(manifest, null, 2));
