import { assert, assertEquals } from "@std/assert";
import type { Page } from "puppeteer-core";
import {
  browserTests,
  chromium,
  MARKUP,
  texts,
  until,
  WAIT_MS,
  Windows,
} from "../harness/browser.ts";
import { ServerProcess } from "../harness/process.ts";

const PATHS = ["/", "/chat", "/poll", "/ephemeral", "/livemap"];
const OPENING = { ready: online };

const inBrowser = browserTests("pages", OPENING);

function online(page: Page): Promise<void> {
  return until(page, `document.querySelector("[data-id=state]").textContent === "online"`);
}

async function enter(page: Page, field: string, text: string): Promise<void> {
  await page.type(`#${field}`, text);
  await page.keyboard.press("Enter");
}

/** Waits for a poll's answers and their counts, in the order of the rows. */
function untilCounts(page: Page, counts: Record<string, string>): Promise<void> {
  const expected = Object.entries(counts).map(([answer, count]) => `${answer}: ${count}`).join();
  const row = `(row) => row.querySelector(".answer").textContent + ": " +
    row.querySelector(".count").textContent`;
  return until(
    page,
    `[...document.querySelectorAll(".answers li")].map(${row}).join() === ${
      JSON.stringify(expected)
    }`,
  );
}

function choose(page: Page, answer: string): Promise<void> {
  return page.click(`input[value="${answer}"]`);
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

inBrowser("what is said in one window appears in the other, with its author", async (windows) => {
  const ann = await windows.open("/chat?room=chat");
  const bob = await windows.open("/chat?room=chat");
  assertEquals(await texts(bob, "[data-id=room]"), ["chat"]);
  await enter(ann, "name", "Ann");
  await ann.type("#text", "Hello");
  await until(bob, `document.querySelector(".typing").innerText.trim() === "Ann #1 is typing…"`);
  await ann.keyboard.press("Enter");
  await until(bob, `document.querySelector(".messages li .text")?.textContent === "Hello"`);
  assertEquals(await texts(bob, ".messages .author"), ["Ann #1"]);
  assertEquals(await texts(bob, "[data-id=typing]"), [""], "typing has ended with the message");
  assertEquals(await texts(bob, ".messages .own"), []);
  assertEquals(await texts(ann, ".messages .own .text"), ["Hello"]);

  await enter(bob, "text", "Hello, Ann");
  await until(ann, `document.querySelectorAll(".messages li").length === 2`);
  const late = await windows.open("/chat?room=chat");
  await until(late, `document.querySelectorAll(".messages li").length === 2`);
  assertEquals(await texts(late, ".messages .author"), ["Ann #1", "Guest #2"]);
  const elsewhere = await windows.open("/chat?room=another");
  await until(elsewhere, `document.querySelector(".messages").ariaBusy === "false"`);
  assertEquals(await texts(elsewhere, ".messages li"), []);

  await ann.reload();
  await until(ann, `document.querySelectorAll(".messages li").length === 2`);
  assertEquals(await ann.$eval("#name", (field) => (field as { value?: string }).value), "Ann");
});

inBrowser("what others write stays text", async (windows) => {
  const writer = await windows.open("/chat?room=text");
  const reader = await windows.open("/chat?room=text");
  await enter(writer, "name", MARKUP);
  await enter(writer, "text", MARKUP);
  await until(reader, `document.querySelector(".messages .author") !== null`);
  assertEquals(await texts(reader, ".messages .author"), [`${MARKUP} #1`]);
  assertEquals(await texts(reader, ".messages .text"), [MARKUP]);
  await writer.type("#text", "x");
  await until(reader, `document.querySelector(".typing").innerText.includes("<img")`);

  const voter = await windows.open("/poll?room=text");
  const other = await windows.open("/poll?room=text");
  await enter(voter, "own", MARKUP);
  await until(other, `document.querySelectorAll(".answers li").length === 5`);
  assertEquals((await texts(other, ".answers .answer")).at(-1), MARKUP);
  for (const page of [reader, other]) {
    assertEquals(await page.evaluate("document.querySelectorAll('main img').length"), 0);
    assertEquals(await page.evaluate("window.pwned"), undefined);
  }
});

inBrowser("a vote and its move show in the other window", async (windows) => {
  const path = "/poll?room=votes&poll=Tea%3F&answers=Yes,No";
  const ann = await windows.open(path);
  const bob = await windows.open(path);
  assertEquals(await texts(bob, "[data-id=poll]"), ["Tea?"]);
  await choose(ann, "Yes");
  await untilCounts(bob, { Yes: "1 · 100 %", No: "0 · 0 %" });
  await choose(bob, "No");
  await untilCounts(ann, { Yes: "1 · 50 %", No: "1 · 50 %" });
  assertEquals(
    await ann.$$eval(".bar", (bars) =>
      // deno-lint-ignore no-explicit-any -- the types of the browser's document are not loaded
      bars.map((bar: any) => bar.style.getPropertyValue("--share-of-all"))),
    ["0.5", "0.5"],
  );
  // The bar itself has moved once its transition is over; nothing in the document changes then.
  const filled = `Math.abs(document.querySelector(".bar").getBoundingClientRect().width /
    document.querySelector(".answers label").clientWidth - 0.5) < 0.02`;
  await ann.waitForFunction(filled, { timeout: WAIT_MS });
  await choose(ann, "No");
  await untilCounts(bob, { Yes: "0 · 0 %", No: "2 · 100 %" });

  await enter(ann, "own", "Coffee");
  await untilCounts(bob, { Yes: "0 · 0 %", No: "1 · 50 %", Coffee: "1 · 50 %" });
  await choose(bob, "Coffee");
  await untilCounts(ann, { Yes: "0 · 0 %", No: "0 · 0 %", Coffee: "2 · 100 %" });
  await choose(bob, "Yes");
  await choose(ann, "Yes");
  await untilCounts(bob, { Yes: "2 · 100 %", No: "0 · 0 %" });

  // A second window of the same browser, which has the same cookies, is a voter of its own.
  const second = await windows.open(path, { context: ann.browserContext() });
  await choose(second, "No");
  await untilCounts(bob, { Yes: "2 · 67 %", No: "1 · 33 %" });
  await second.close();
  await ann.reload();
  await untilCounts(ann, { Yes: "2 · 67 %", No: "1 · 33 %" });
  assertEquals(await ann.$eval(":checked", (input) => input.getAttribute("value")), "Yes");
  await choose(ann, "No");
  await untilCounts(bob, { Yes: "1 · 33 %", No: "2 · 67 %" });
});

inBrowser("an ephemeral vote goes with its window", async (windows, server) => {
  const path = "/ephemeral?room=leaving&poll=Here&answers=Yes,No";
  const ann = await windows.open(path);
  const bob = await windows.open(path);
  await choose(ann, "Yes");
  await choose(bob, "No");
  await untilCounts(bob, { Yes: "1 · 50 %", No: "1 · 50 %" });
  await ann.close();
  await untilCounts(bob, { Yes: "0 · 0 %", No: "1 · 100 %" });

  // A connection that is lost and found again takes the vote with it, and brings it back.
  const watcher = await server.connect("room=leaving&subscribe=ephemeralPoll:Here");
  const stats = (wanted: unknown) =>
    watcher.find(({ type, data }) =>
      type === "ephemeralPoll" && JSON.stringify(data.stats) === JSON.stringify(wanted)
    );
  await stats({ No: 1 });
  for (const connection of server.server.connections) {
    if (connection.clientId !== watcher.connection.client_id) {
      connection.close({ code: 1012, reason: "" });
    }
  }
  await stats({});
  watcher.messages.length = 0;
  await stats({ No: 1 });
  await untilCounts(bob, { Yes: "0 · 0 %", No: "1 · 100 %" });
  await watcher.close();
});

inBrowser("visitors are dots on the map, as long as they are there", async (windows) => {
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
  await until(chat, `document.querySelector(".text")?.textContent === "From five lines"`);
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
      await enter(page, "name", word);
      await enter(page, "text", word.repeat(3));
      await until(page, `document.querySelector(".messages .text") !== null`);
    }
    if (path === "/poll" || path === "/ephemeral") {
      await enter(page, "own", word);
      await until(page, `document.querySelectorAll(".answers li").length === 5`);
    }
    assertEquals(await page.evaluate("document.documentElement.scrollWidth"), 320, path);
    const links = await page.$$eval("nav a", (found) => found.map((link) => link.href));
    assertEquals(links.length, 4);
    for (const link of links) assert(link.endsWith(`?room=${room}`), `${link} leaves the room`);
  }
});

inBrowser("a message whose answer is lost is said once", async (windows) => {
  const page = await windows.open("/chat?room=unanswered");
  await page.evaluateOnNewDocument(`
    let lost = false;
    globalThis.WebSocket = class extends WebSocket {
      set onmessage(listener) {
        super.onmessage = listener && ((event) => {
          const { type, data } = JSON.parse(event.data);
          if (lost || type !== "ack" || data.replayed !== undefined) return listener(event);
          lost = true;
          this.close();
        });
      }
    };
  `);
  await page.reload();
  await online(page);
  await enter(page, "text", "once");
  await until(page, `document.querySelector("[data-id=state]").textContent !== "online"`);
  await online(page);
  await enter(page, "text", "last");
  await until(
    page,
    `document.querySelector(".messages li:last-child .text")?.textContent === "last"`,
  );
  assertEquals(await texts(page, ".messages .text"), ["once", "last"]);
});

inBrowser("a page stays away for as long as it is asked to", async (windows, { server }) => {
  const page = await windows.open("/chat?room=draining");
  const [connection] = server.connections;
  connection!.outbox.send(JSON.stringify({ type: "draining", data: { retry_ms: 1000 } }));
  const left = performance.now();
  connection!.close({ code: 1012, reason: "" });
  await until(page, `document.querySelector("[data-id=state]").textContent === "offline"`);
  await online(page);
  assert(performance.now() - left >= 1000);
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
          `[...document.querySelectorAll(".text")].some(({ textContent }) => textContent === ${
            JSON.stringify(text)
          })`,
        );
      for (const signal of ["SIGTERM", "SIGKILL"] as const) {
        said.push(`before ${signal}`, `sent without a server, ${signal}`, `missed, ${signal}`);
        await enter(page, "text", `before ${signal}`);
        await shown(`before ${signal}`);
        await server.end(signal);
        await until(page, `document.querySelector("[data-id=state]").textContent !== "online"`);
        await enter(page, "text", `sent without a server, ${signal}`);
        await until(page, `document.querySelector("[data-id=waiting]").textContent !== ""`);
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
      assertEquals((await texts(page, ".messages .text")).sort(), said.sort());
      // While there is no server, the browser itself reports each vain attempt.
      const others = windows.faults.filter((fault) => !fault.includes("WebSocket connection to"));
      assertEquals(others, []);
    } finally {
      await Deno.remove(directory, { recursive: true });
    }
  },
});
