import { assert, assertEquals } from "@std/assert";
import { chromium, launchChromium } from "../harness/browser.ts";
import { findProgram } from "../harness/optional.ts";
import { LossyProxy } from "../harness/proxy.ts";
import { SIGNING_KEY, startServer } from "../harness/server.ts";
import { until } from "../harness/until.ts";
import { range } from "../harness/util.ts";

const readme = await Deno.readTextFile(new URL("../../README.md", import.meta.url));
const [, section] = /^## Without the client\n(.*?)^## /ms.exec(readme)!;
const blocks = [...section!.matchAll(/```(\w+)\n(.*?)```/gs)];

const WAIT_MS = 20_000;
const HELLO = "Hello from ";

const python = await findProgram("Python with websockets", [
  Deno.env.get("PYTHON"),
  "python3",
  "python",
], ["-c", "import websockets"]);
const go = await findProgram("Go", [Deno.env.get("GO"), "go"], ["version"]);
const curl = await findProgram("curl", ["curl"]);
const websocat = await findProgram("websocat", [Deno.env.get("WEBSOCAT"), "websocat"]);

/** A recipe that runs. */
interface Run extends AsyncDisposable {
  /** What it has shown of what was said: `offset #suffix text`. */
  readonly lines: readonly string[];
  /** Has it say something, unless it does by itself. */
  say?(text: string): Promise<void>;
}

/** The recipe in `language` that holds `mark`, for a server on another port. */
function recipe(language: string, mark: string, port: number): string {
  const found = blocks.filter(([, tag, text]) => tag === language && text!.includes(mark));
  assertEquals(found.length, 1, `recipes in ${language} with ${mark}`);
  assert(found[0]![2]!.includes("localhost:8000"));
  return found[0]![2]!.replaceAll("localhost:8000", `127.0.0.1:${port}`);
}

/** Runs a recipe whose first answer gets lost, then its connection, while others go on talking. */
function holds(
  name: string,
  program: string | undefined,
  run: (port: number, folder: string) => Promise<Run>,
  options: { listens?: boolean } = {},
): void {
  Deno.test({
    name: `recipes: ${name} loses nothing, and says nothing twice`,
    ignore: program === undefined,
    fn: async () => {
      const folder = await Deno.makeTempDir();
      await using cleanup = new AsyncDisposableStack();
      cleanup.defer(() => Deno.remove(folder, { recursive: true }));
      await using server = await startServer();
      const { server: rooms } = server;
      await using proxy = new LossyProxy(server.port);
      await using ann = await server.connect("room=demo&subscribe=chat");
      const say = (data: unknown): Promise<unknown> => ann.ask({ type: "chat", data });
      const said = (): string[] => {
        return ann.all("chat").map(({ offset, data }) => {
          return `${offset} #${data.user.suffix} ${data.message}`;
        });
      };
      await say("before");
      const received = rooms.traffic.received;
      proxy.lose = () => proxy.lost === 0 && rooms.traffic.received > received;
      await using running = await run(Number(new URL(proxy.url).port), folder);
      const shows = async (text: string): Promise<void> => {
        const shown = await until(() => running.lines.some((line) => line.endsWith(text)), WAIT_MS);
        assert(shown, `${text} is not among ${JSON.stringify(running.lines)}`);
      };
      if (!options.listens) {
        await running.say?.(`${HELLO}a test`);
        assert(await until(() => proxy.lost === 1, WAIT_MS));
        await ann.find(({ type, data }) => type === "chat" && data.message.startsWith(HELLO));
      }
      proxy.lose = () => false;
      await shows("before");
      await say("while it was there");
      await shows("while it was there");
      for (const connection of rooms.connections) {
        if (connection.clientId === ann.connection.client_id) continue;
        connection.close({ code: 1012, reason: "" });
      }
      await say("while it was away");
      await shows("while it was away");
      await say("after it came back");
      await shows("after it came back");
      assertEquals(running.lines, said());
      const hellos = said().filter((line) => line.includes(HELLO));
      assertEquals(hellos.length, options.listens ? 0 : 1);
    },
  });
}

holds("Python", python, async (port, folder) => {
  await Deno.writeTextFile(`${folder}/recipe.py`, recipe("python", "websockets", port));
  return runProgram(python!, ["recipe.py"], folder);
});

holds("Go", go, async (port, folder) => {
  await Deno.writeTextFile(`${folder}/main.go`, recipe("go", "package main", port));
  const [, commands] = /^\*\*Go\*\*[^`]*`([^`]*)`/m.exec(section!)!;
  await finished("sh", ["-c", `${commands} && go build -o recipe .`], folder, {
    GOPATH: `${folder}/go`,
    GOFLAGS: "-modcacherw -buildvcs=false",
  });
  return runProgram(`${folder}/recipe`, [], folder);
});

holds("a page", chromium, (port) => runPage(recipe("html", "WebSocket(", port)));

holds("a page with EventSource", chromium, (port) => {
  return runPage(recipe("html", "EventSource(", port));
}, { listens: true });

holds("a shell", curl, (port, folder) => {
  // In a session of its own, to be ended with all that it has started.
  const run = runProgram("setsid", ["sh", "-c", recipe("sh", "Last-Event-ID", port)], folder);
  return Promise.resolve({
    get lines() {
      return run.output.flatMap((line) => {
        const { type, offset, data } = JSON.parse(line);
        return type === "chat" ? `${offset} #${data.user.suffix} ${data.message}` : [];
      });
    },
    [Symbol.asyncDispose]: () => run[Symbol.asyncDispose](),
  });
}, { listens: true });

Deno.test({
  name: "recipes: a shell with websocat hears what was said, and is heard",
  ignore: websocat === undefined,
  fn: async () => {
    await using server = await startServer();
    await using ann = await server.connect("room=demo&subscribe=chat");
    await ann.ask({ type: "chat", data: "before" });
    const script = recipe("sh", "websocat", server.port).replace(/^ *websocat /m, `${websocat} `);
    // Nobody types: its input stays open all the same.
    const held = `sleep ${WAIT_MS / 1000} | (${script})`;
    await using run = runProgram("setsid", ["sh", "-c", held], ".");
    await ann.find(({ data }) => data?.message === "Hello from websocat");
    await ann.ask({ type: "chat", data: "after" });
    const texts = (): unknown[] => {
      return run.output.map((line) => JSON.parse(line))
        .filter(({ type }) => type === "chat").map(({ data }) => data.message);
    };
    assert(await until(() => texts().includes("after"), WAIT_MS), String(texts()));
    assertEquals(texts(), ["before", "Hello from websocat", "after"]);
  },
});

Deno.test({
  name: "recipes: history by curl is what has been said",
  ignore: curl === undefined,
  fn: async () => {
    await using server = await startServer();
    await using ann = await server.connect("room=demo&subscribe=chat");
    for (const data of range(1, 30)) await ann.ask({ type: "chat", data });
    const said = ann.all("chat");
    const commands = recipe("sh", "/history", server.port).trim().split("\n");
    const told = commands.map(async (command) => {
      return JSON.parse(await finished("sh", ["-c", command])).events;
    });
    assertEquals(await Promise.all(told), [said.slice(-20), said.slice(1)]);
  },
});

Deno.test({
  name: "recipes: a broadcast by curl is signed rightly",
  ignore: curl === undefined,
  fn: async () => {
    await using server = await startServer();
    await using ann = await server.connect("room=demo&subscribe=chat");
    const script = recipe("sh", "/broadcast", server.port);
    const environment = { ADMIN_SIGNING_KEY: SIGNING_KEY };
    assertEquals(await finished("sh", ["-c", script], ".", environment), '{"offset":"1"}');
    const notice = { type: "notice", data: "Back in five minutes", offset: "1" };
    assertEquals(await ann.next("notice"), notice);
    const wrong = { ADMIN_SIGNING_KEY: "another key" };
    const refused = JSON.parse(await finished("sh", ["-c", script], ".", wrong));
    assertEquals(refused.error.code, "authentication_failed");
  },
});

Deno.test("recipes: all of them are run here", () => {
  const tags = blocks.map(([, tag]) => tag).toSorted();
  assertEquals(tags, ["go", "html", "html", "python", "sh", "sh", "sh", "sh"]);
});

/** Runs a program; its lines that tell of no offset are its own affair. */
function runProgram(
  program: string,
  args: string[],
  cwd: string,
): Run & { readonly output: readonly string[] } {
  const { pid, stdout, status } = new Deno.Command(program, {
    args,
    cwd,
    stdout: "piped",
  }).spawn();
  let text = "";
  const reading = (async () => {
    for await (const piece of stdout.pipeThrough(new TextDecoderStream())) text += piece;
  })();
  const output = (): string[] => text.split("\n").slice(0, -1);
  return {
    get output() {
      return output();
    },
    get lines() {
      return output().filter((line) => /^\d+ #/.test(line));
    },
    [Symbol.asyncDispose]: async () => {
      Deno.kill(program === "setsid" ? -pid : pid, "SIGKILL");
      await status;
      await reading;
    },
  };
}

/** What a program writes, once it has ended well. */
async function finished(
  program: string,
  args: string[],
  cwd = ".",
  env: Record<string, string> = {},
): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(program, { args, cwd, env }).output();
  const [told, complaints] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  assert(success, complaints);
  return told!;
}

/** Opens a page of another site than the server's, in a browser. */
async function runPage(html: string): Promise<Run> {
  const site = Deno.serve(
    { port: 0, hostname: "127.0.0.1", onListen: () => {} },
    () => new Response(html, { headers: { "Content-Type": "text/html; charset=utf-8" } }),
  );
  const profile = await Deno.makeTempDir();
  const browser = await launchChromium(profile);
  const page = await browser.newPage();
  const lines: string[] = [];
  await page.exposeFunction("shown", (line: string) => lines.push(line));
  await page.evaluateOnNewDocument(`new MutationObserver((changes) => {
    for (const { target, addedNodes } of changes) {
      if (target.localName === "li") for (const node of addedNodes) shown(node.data);
    }
  }).observe(document, { childList: true, subtree: true })`);
  await page.goto(`http://127.0.0.1:${site.addr.port}`);
  return {
    lines,
    say: async (text) => {
      await page.type("input", text);
      await page.keyboard.press("Enter");
    },
    [Symbol.asyncDispose]: async () => {
      await browser.close();
      await site.shutdown();
      await Deno.remove(profile, { recursive: true });
    },
  };
}
