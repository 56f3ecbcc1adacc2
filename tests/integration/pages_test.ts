import { assert, assertEquals } from "@std/assert";
import type { Page } from "puppeteer-core";
import { browserTests, chromium, MARKUP, texts, until, Windows } from "../harness/browser.ts";
import { ServerProcess } from "../harness/process.ts";

const PATHS = ["/", "/chat", "/poll", "/ephemeral", "/livemap"];
const STATE = `(document.querySelector("[data-id=state]") ??
  document.querySelector("tally-status").shadowRoot?.querySelector("[part=status]"))
  ?.textContent.toLowerCase()`;
const OPENING = { ready: online };
const POLL = "tally-poll >>> ";
const CHAT = "tally-chat >>> ";
const SAY = `${CHAT}input`;
const TEXTS = `${CHAT}[part=text]`;

const inBrowser = browserTests("pages", OPENING);

/** Waits until the page's own client, or that of its widgets, is connected. */
function online(page: Page): Promise<void> {
  return until(page, `${STATE} === "online"`, "raf");
}

async function enter(page: Page, field: string, text: string): Promise<void> {
  await page.type(field, text);
  await page.keyboard.press("Enter");
}

/** Gives the page's visitor a name, and waits until the room knows it. */
async function call(page: Page, name: string): Promise<void> {
  await enter(page, "#name", name);
  await known(page, name);
}

/** Waits until somebody in the page's room has this name; a guest has none. */
function known(page: Page, name: string): Promise<void> {
  const users = `fetch("/users?" + new URLSearchParams({
    room: document.querySelector("[data-id=room]").textContent,
  })).then((response) => response.json())`;
  const has = `(properties.name ?? "") === ${JSON.stringify(name)}`;
  return until(page, `${users}.then(({ users }) => users.some(({ properties }) => ${has}))`, "raf");
}

/** Waits until what a path finds, into a shadow root too, has these texts. */
function shows(page: Page, path: string, ...wanted: string[]): Promise<void> {
  const [first, inner] = path.split(" >>> ");
  const root = inner ? `document.querySelector("${first}").shadowRoot` : "document";
  const found = `[...${root}.querySelectorAll("${inner ?? first}")]`;
  return until(
    page,
    `JSON.stringify(${found}.map(({ textContent }) => textContent)) === ${
      JSON.stringify(JSON.stringify(wanted))
    }`,
    "raf",
  );
}

/** Waits for a poll's answers, and for their counts. */
async function counts(page: Page, wanted: Record<string, number>): Promise<void> {
  await shows(page, `${POLL}[part=answer]`, ...Object.keys(wanted));
  await shows(page, `${POLL}[part=count]`, ...Object.values(wanted).map(String));
}

function choose(page: Page, place: number): Promise<void> {
  return page.click(`${POLL}button:nth-child(${place})`);
}

function valueOf(page: Page, field: string): Promise<string | undefined> {
  return page.$eval(field, (found) => (found as { value?: string }).value);
}

/** Waits until the map's dots are at these places. */
function untilDots(page: Page, places: string[]): Promise<void> {
  return until(
    page,
    `[...document.querySelectorAll(".dot")].map((dot) => dot.dataset.place).sort().join(" ") === ${
      JSON.stringify([...places].sort().join(" "))
    }`,
  );
}

inBrowser("a chat has names, which a reload keeps", async (windows) => {
  const ann = await windows.open("/chat?room=chat");
  const bob = await windows.open("/chat?room=chat");
  assertEquals(await texts(bob, "[data-id=room]"), ["chat"]);
  await call(ann, "Ann");
  await enter(ann, SAY, "Hello");
  await shows(bob, `${CHAT}.author`, "Ann #1");
  await enter(bob, SAY, "Hello, Ann");
  await shows(ann, TEXTS, "Hello", "Hello, Ann");
  await shows(ann, `${CHAT}.author`, "Ann #1 (you)", "Guest #2");

  await ann.reload();
  assertEquals(await valueOf(ann, "#name"), "Ann");
  await shows(ann, `${CHAT}.author`, "Ann #1 (you)", "Guest #2");
  await ann.goto(new URL("/chat?room=another", windows.url).href);
  await online(ann);
  await known(ann, "Ann");
  await enter(ann, SAY, "Anyone?");
  await shows(ann, `${CHAT}.author`, "Ann #1 (you)");
  // Without a name one is a guest again, for those who come later, too.
  await ann.$eval("#name", (field) => (field as unknown as { select(): void }).select());
  await ann.keyboard.press("Delete");
  await ann.keyboard.press("Enter");
  await known(ann, "");
  await enter(ann, SAY, "No");
  const late = await windows.open("/chat?room=another");
  await shows(late, TEXTS, "Anyone?", "No");
  await shows(late, `${CHAT}[part=message] > :first-child`, "Ann #1", "Guest #1");
});

inBrowser("what others write stays text, and so do the names of rooms", async (windows) => {
  const room = encodeURIComponent(`${MARKUP}"'&amp;`);
  const writer = await windows.open(`/chat?room=${room}`);
  const reader = await windows.open(`/chat?room=${room}`);
  await call(writer, MARKUP);
  await enter(writer, SAY, MARKUP);
  await shows(reader, `${CHAT}.author`, `${MARKUP} #1`);

  const poll = `/poll?room=${room}&poll=${encodeURIComponent(MARKUP)}&answers=`;
  const voter = await windows.open(poll);
  const other = await windows.open(poll);
  await enter(voter, "#own", MARKUP);
  await counts(other, { [MARKUP]: 1 });
  await shows(other, `${POLL}[part=label]`, MARKUP);
  const pages = [reader, voter, other];
  for (const path of ["/", "/livemap"]) pages.push(await windows.open(`${path}?room=${room}`));
  for (const page of pages) {
    assertEquals(await texts(page, "[data-id=room]"), [decodeURIComponent(room)]);
    for (const images of ["main img", "main >>> img"]) {
      assertEquals((await page.$$(images)).length, 0);
    }
    assertEquals(await page.evaluate("window.pwned"), undefined);
  }
});

inBrowser("an answer of one's own shows in the other window", async (windows) => {
  const path = "/poll?room=votes&poll=Tea%3F&answers=Yes,No";
  const ann = await windows.open(path);
  const bob = await windows.open(path);
  await shows(bob, `${POLL}[part=label]`, "Tea?");
  await choose(ann, 1);
  await counts(bob, { Yes: 1, No: 0 });
  await choose(bob, 2);
  await counts(ann, { Yes: 1, No: 1 });
  await enter(ann, "#own", " Coffee ");
  await counts(bob, { Yes: 0, No: 1, Coffee: 1 });
  await counts(ann, { Yes: 0, No: 1, Coffee: 1 });
  await shows(ann, `${POLL}[aria-pressed=true] [part=answer]`, "Coffee");
  assertEquals(await valueOf(ann, "#own"), "");
  // One that is there already, from the others or from oneself, is voted for.
  await enter(bob, "#own", "Coffee");
  await counts(ann, { Yes: 0, No: 0, Coffee: 2 });
  await enter(ann, "#own", "Yes");
  await counts(bob, { Yes: 1, No: 0, Coffee: 1 });
  // What the widget's list could not hold is not taken.
  await enter(bob, "#own", "Tea, please");
  assertEquals(await bob.$$eval("#own:invalid", (found) => found.length), 1);

  // A second window of the same browser, which has the same cookies, is a voter of its own.
  const second = await windows.open(path, { context: ann.browserContext() });
  await choose(second, 2);
  await counts(bob, { Yes: 1, No: 1, Coffee: 1 });
  await bob.reload();
  await shows(bob, `${POLL}[aria-pressed=true] [part=answer]`, "Coffee");
});

inBrowser("an ephemeral vote goes with its window", async (windows) => {
  const path = "/ephemeral?room=leaving&poll=Here&answers=Yes,No";
  const ann = await windows.open(path);
  const bob = await windows.open(path);
  await enter(ann, "#own", "Nearly");
  await choose(bob, 2);
  await counts(bob, { Yes: 0, No: 1, Nearly: 1 });
  await ann.close();
  await counts(bob, { Yes: 0, No: 1, Nearly: 0 });
});

inBrowser("visitors are dots on the map, as long as they are there", async (windows, server) => {
  const path = "/livemap?room=world";
  const ann = await windows.open(path, { timezone: "Europe/Berlin" });
  const bob = await windows.open(path, { timezone: "Asia/Tokyo" });
  await untilDots(ann, ["53,13", "36,140"]);
  await untilDots(bob, ["53,13", "36,140"]);
  const loaded = `performance.getEntriesByType("resource")
    .some(({ name, responseStatus }) => name.endsWith("/world.svg") && responseStatus === 200)`;
  assertEquals(await ann.evaluate(loaded), true);

  await bob.focus(".map");
  await bob.keyboard.press("ArrowRight");
  await bob.keyboard.press("ArrowDown");
  await untilDots(ann, ["53,13", "35,141"]);
  // Twelve degrees north, on the prime meridian: the middle of what the map shows.
  await ann.click(".map");
  await untilDots(bob, ["12,0", "35,141"]);
  const bearing = `(() => {
    const [me, map] = [".me", ".map"].map((name) =>
      document.querySelector(name).getBoundingClientRect());
    return [(me.x + me.width / 2 - map.x) / map.width, (me.y + me.height / 2 - map.y) / map.height]
      .map((share) => share.toFixed(2)).join();
  })()`;
  assertEquals(await ann.evaluate(bearing), "0.50,0.50");

  // A connection that is lost and found again takes the dot with it, and brings it back.
  const watcher = await server.connect("room=world&subscribe=ephemeralPoll:livemap");
  const visitors = (count: number) =>
    watcher.find(({ type, data }) =>
      type === "ephemeralPoll" && Object.keys(data.stats).length === count
    );
  await visitors(2);
  for (const connection of server.server.connections) {
    if (connection.clientId !== watcher.connection.client_id) {
      connection.close({ code: 1012, reason: "" });
    }
  }
  await visitors(0);
  await watcher.close();
  for (const page of [ann, bob]) await untilDots(page, ["12,0", "35,141"]);

  // New York's time zone is in the table, this one is not: its offset is all there is to go by.
  const far = await windows.open(path, { timezone: "Etc/GMT+3" });
  await untilDots(far, ["12,0", "35,141", "0,-45"]);
  await far.close();
  await bob.close();
  await untilDots(ann, ["12,0"]);
  await until(
    ann,
    `document.querySelector(".summary").innerText.startsWith("1 visitor at 1 place.")`,
  );
});

inBrowser("the landing page counts, and its five lines work as they stand", async (windows) => {
  const ann = await windows.open("/");
  const bob = await windows.open("/");
  await until(ann, `document.querySelector("[data-id=here]").textContent === "2"`);
  await ann.click("[data-id=wave]");
  await bob.click("[data-id=wave]");
  for (const page of [ann, bob]) {
    await until(page, `document.querySelector("[data-id=waves]").textContent === "2"`);
  }
  await bob.close();
  await until(ann, `document.querySelector("[data-id=here]").textContent === "1"`);

  const chat = await windows.open("/chat");
  const [snippet] = await texts(ann, "[data-id=snippet]");
  assertEquals(snippet!.split("\n").length, 5);
  await ann.evaluate(`new Promise((resolve) => {
    ${snippet}
    socket.addEventListener("open", () => resolve(send("chat", "From five lines")));
  })`);
  await shows(chat, TEXTS, "From five lines");
  await ann.click("[data-id=copy]");
  await until(ann, `/Copied|Selected/.test(document.querySelector("[data-id=copy]").textContent)`);
  assertEquals(await ann.evaluate("getSelection().toString().trim()"), snippet);
});

inBrowser("nothing is wider than a window of 320 pixels", async (windows) => {
  const room = "wide".repeat(60);
  for (const path of PATHS) {
    const page = await windows.open(`${path}?room=${room}`, { width: 320 });
    const word = "m".repeat(40);
    if (path === "/chat") {
      await call(page, word);
      await enter(page, SAY, word.repeat(3));
      await shows(page, TEXTS, word.repeat(3));
    }
    if (path === "/poll" || path === "/ephemeral") {
      await enter(page, "#own", word);
      await shows(page, `${POLL}[aria-pressed=true] [part=answer]`, word);
    }
    assertEquals(await page.evaluate("document.documentElement.scrollWidth"), 320, path);
    const links = await page.$$eval("nav a", (found) => found.map((link) => link.href));
    assertEquals(links.length, 4);
    const current = await page.$$eval(
      "[aria-current=page]",
      (found) => found.map((link) => link.getAttribute("href")),
    );
    assertEquals(current.map((link) => new URL(link!, windows.url).pathname), [path]);
    for (const link of links) assert(link.endsWith(`?room=${room}`), `${link} leaves the room`);
  }
});

Deno.test({
  name: "pages: the chat comes back after a restart, with nothing lost and nothing twice",
  ignore: chromium === undefined,
  fn: async () => {
    const directory = await Deno.makeTempDir();
    try {
      await using server = await ServerProcess.start({ KV_PATH: `${directory}/kv.sqlite3` });
      await using windows = await Windows.start(`http://127.0.0.1:${server.port}`, OPENING);
      const page = await windows.open("/chat?room=restart");
      const said: string[] = [];
      const shown = (text: string): Promise<void> =>
        until(
          page,
          `[...document.querySelector("tally-chat").shadowRoot.querySelectorAll("[part=text]")]
            .some(({ textContent }) => textContent === ${JSON.stringify(text)})`,
          "raf",
        );
      for (const signal of ["SIGTERM", "SIGKILL"] as const) {
        said.push(`before ${signal}`, `sent without a server, ${signal}`, `missed, ${signal}`);
        await enter(page, SAY, `before ${signal}`);
        await shown(`before ${signal}`);
        await server.end(signal);
        await until(page, `${STATE} === "offline"`, "raf");
        await enter(page, SAY, `sent without a server, ${signal}`);
        await server.run();
        const other = await server.connect("room=restart");
        await other.ask({ type: "chat", data: `missed, ${signal}` });
        await online(page);
        await shown(`sent without a server, ${signal}`);
        await shown(`missed, ${signal}`);
        // What comes now comes after all repeats there could be.
        said.push(`after ${signal}`);
        await other.ask({ type: "chat", data: `after ${signal}` });
        await shown(`after ${signal}`);
        await other.close();
      }
      assertEquals((await texts(page, TEXTS)).sort(), said.sort());
      assertEquals(await texts(page, `${CHAT}[part=gap]`), []);
      // While there is no server, the browser itself reports each vain attempt.
      const others = windows.faults.filter((fault) => !fault.includes("WebSocket connection to"));
      assertEquals(others, []);
    } finally {
      await Deno.remove(directory, { recursive: true });
    }
  },
});
