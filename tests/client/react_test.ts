import { assert, assertEquals } from "@std/assert";
import * as esbuild from "esbuild";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { chromium, Windows } from "../harness/browser.ts";
import { startServer } from "../harness/server.ts";

const ROOT = new URL("../../", import.meta.url);

/** An application in StrictMode, which mounts all twice. */
const APP = `
  import { createElement as h, StrictMode, useState } from "react";
  import { createRoot } from "react-dom/client";
  import { useCounter, usePoll, usePresence, useRoom } from "./lib/client/react/index.ts";

  function Room({ room }) {
    const { client, status } = useRoom({ endPoint: SERVER, room, token: () => undefined });
    const { value, add } = useCounter(client, "c");
    const { stats, vote } = usePoll(client, "p");
    const members = usePresence(client);
    return h("section", {},
      h("button", { id: "add", onClick: () => add("0.5") }, "Add"),
      h("button", { id: "vote", onClick: () => vote("yes") }, "Vote"),
      h("output", {}, JSON.stringify({ room, status, value, stats, here: members.length })));
  }

  function App() {
    const [room, setRoom] = useState("one");
    const [shown, setShown] = useState(true);
    return h("main", {},
      h("button", { id: "move", onClick: () => setRoom("two") }, "Move"),
      h("button", { id: "hide", onClick: () => setShown(false) }, "Hide"),
      shown ? h(Room, { room }) : null);
  }

  createRoot(document.querySelector("#app")).render(h(StrictMode, {}, h(App)));
`;

Deno.test({
  name: "hooks follow a room, move to another, and leave no connection behind",
  ignore: chromium === undefined,
  fn: async () => {
    await using server = await startServer();
    const app = await bundled(server.url);
    await using site = Deno.serve(
      { port: 0, hostname: "127.0.0.1", onListen: () => {} },
      (request) => {
        return new URL(request.url).pathname === "/app.js"
          ? new Response(app, { headers: { "Content-Type": "text/javascript" } })
          : new Response(
            '<!DOCTYPE html><link rel="icon" href="data:,"><div id="app"></div><script src="/app.js"></script>',
            {
              headers: { "Content-Type": "text/html" },
            },
          );
      },
    );
    const shows = (state: unknown): string => {
      return `document.querySelector("output").textContent === ${
        JSON.stringify(JSON.stringify(state))
      }`;
    };
    const first = { room: "one", status: "ONLINE", value: "0", stats: {}, here: 1 };
    const ready = (page: { waitForFunction(text: string): Promise<unknown> }): Promise<void> => {
      return page.waitForFunction(
        `document.querySelector("output")?.textContent.includes("ONLINE")`,
      )
        .then(() => {});
    };
    await using windows = await Windows.start(`http://127.0.0.1:${site.addr.port}`, { ready });
    const page = await windows.open("/");
    await page.waitForFunction(shows(first));
    assertEquals(server.server.connections.size, 1);
    await page.click("#add");
    await page.click("#vote");
    await page.waitForFunction(shows({ ...first, value: "0.5", stats: { yes: 1 } }));
    await using other = await server.connect("room=one");
    await page.waitForFunction(shows({ ...first, value: "0.5", stats: { yes: 1 }, here: 2 }));
    await other.close();
    await page.waitForFunction(shows({ ...first, value: "0.5", stats: { yes: 1 } }));

    await page.click("#move");
    await page.waitForFunction(shows({ ...first, room: "two" }));
    assertEquals([...server.server.connections].map(({ room }) => room.name), ["two"]);
    await page.click("#hide");
    await page.waitForFunction(`document.querySelector("output") === null`);
    while (server.server.connections.size > 0) await new Promise((go) => setTimeout(go, 10));
    assertEquals(windows.faults, []);
  },
});

Deno.test("the hooks are a module beside the client's, with React as a peer", async () => {
  const [code, types, manifest] = await Promise.all(
    ["react.js", "react.d.ts", "package.json"].map((file) => {
      return Deno.readTextFile(new URL(`dist/${file}`, ROOT));
    }),
  );
  assert(/from"react"/.test(code!) && /from"\.\/client\.js"/.test(code!), code);
  assert(types!.includes('from "./client.js"'), types);
  assertEquals(JSON.parse(manifest!).peerDependencies, { react: ">=18" });
});

async function bundled(server: string): Promise<string> {
  const { outputFiles } = await esbuild.build({
    absWorkingDir: ROOT.pathname,
    stdin: { contents: APP, resolveDir: ROOT.pathname },
    define: { SERVER: JSON.stringify(server), "process.env.NODE_ENV": '"development"' },
    bundle: true,
    write: false,
    plugins: [{
      name: "packages where the runtime has them",
      setup: (build) => {
        build.onResolve({ filter: /^[^./]/ }, ({ path, importer }) => ({
          path: importer.endsWith(".js")
            ? createRequire(importer).resolve(path)
            : fileURLToPath(import.meta.resolve(path.replace(/^(react-dom|react)/, "npm:$1@^19"))),
        }));
      },
    }],
  });
  await esbuild.stop();
  return outputFiles![0]!.text;
}
