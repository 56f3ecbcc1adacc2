import { assert, assertEquals } from "@std/assert";
import axe from "axe-core";
import type { Page } from "puppeteer-core";
import {
  browserTests,
  chromium,
  MARKUP,
  until as untilPolled,
  WAIT_MS,
  Windows,
} from "../harness/browser.ts";
import { ServerProcess } from "../harness/process.ts";
import type { TestServer } from "../harness/server.ts";
import { until as untilTrue } from "../harness/until.ts";
import { range } from "../harness/util.ts";

/** Makes `all("tally-chat >>> [part=text]")` find what is in shadow roots. */
const PIERCE = `
  globalThis.all = (path) => path.split(" >>> ").reduce((found, selector) =>
    found.flatMap((root) => [...(root.shadowRoot ?? root).querySelectorAll(selector)]), [document]);
  globalThis.texts = (path) => all(path).map(({ textContent }) => textContent);
`;
const OPENING = { ready: online, script: PIERCE };
const TEXTS = "tally-chat >>> [part=text]";
const INPUT = "tally-chat >>> input";
const MEMBERS = "tally-presence >>> li > :last-child";
const OFFLINE = "Offline, until the connection is back.";

const inBrowser = browserTests("widgets", OPENING);

function until(page: Page, expression: string): Promise<void> {
  return untilPolled(page, expression, "raf");
}

/** Waits until what a path finds has these texts. */
function shows(page: Page, path: string, ...wanted: string[]): Promise<void> {
  const expected = JSON.stringify(JSON.stringify(wanted));
  return until(page, `JSON.stringify(texts(${JSON.stringify(path)})) === ${expected}`);
}

function online(page: Page): Promise<void> {
  return shows(page, "tally-status >>> [part=status]", "Online");
}

/** Waits until so many connections are held. */
async function connections(server: TestServer, count: number): Promise<void> {
  const held = (): number => server.server.connections.size;
  assert(await untilTrue(() => held() === count, WAIT_MS), `${held()} connections, not ${count}`);
}

async function say(page: Page, text: string): Promise<void> {
  await page.type(INPUT, text);
  await page.keyboard.press("Enter");
}

/** Gives the page's visitor a name, as the page's own field does. */
async function call(page: Page, name: string): Promise<void> {
  await page.type("#name", name);
  await page.keyboard.press("Enter");
}

/** Each poll's answers with their votes, and the one chosen marked. */
function polls(page: Page, tag: string, ...wanted: string[]): Promise<void> {
  const shown = `all("${tag} >>> button").map((button) =>
    (button.ariaPressed === "true" ? "*" : "") + button.querySelector("[part=answer]").textContent +
    " " + button.querySelector("[part=count]").textContent).join()`;
  return until(page, `${shown} === ${JSON.stringify(wanted.join())}`);
}

function vote(page: Page, tag: string, place: number): Promise<void> {
  return page.click(`${tag} >>> button:nth-child(${place})`);
}

/** Reacts once a frame until that is refused, and the page says so. */
function reactTooOften(page: Page, said = `!== ""`): Promise<void> {
  return until(
    page,
    `texts("tally-reactions >>> [part=error]")[0] ${said} ||
      void all("tally-reactions >>> button")[0].click()`,
  );
}

/** What axe finds wrong with the page, shadow roots included. */
function violations(page: Page): Promise<unknown> {
  return page.evaluate(`axe.run().then(({ violations }) => violations.map(({ id, nodes }) =>
    [id, ...nodes.map(({ html, failureSummary }) => html + failureSummary)]))`);
}

inBrowser("chat shows authors, who is typing and, later, what was said", async (windows) => {
  const ann = await windows.open("/widgets?room=chat");
  const bob = await windows.open("/widgets?room=chat");
  await call(ann, "Ann");
  await shows(bob, MEMBERS, "Ann #1", "Guest #2 (you)");
  await ann.type(INPUT, "Hello");
  await shows(bob, "tally-chat >>> [part=typing]", "Ann is typing …");
  await ann.keyboard.press("Enter");
  await shows(bob, TEXTS, "Hello");
  await shows(bob, "tally-chat >>> [part=typing]", "");
  await shows(bob, "tally-chat >>> [part=author]", "Ann #1");
  await shows(ann, "tally-chat >>> [part~=own] [part=author]", "Ann #1 (you)");
  await say(bob, "Hello, Ann");
  await shows(ann, TEXTS, "Hello", "Hello, Ann");
  await shows(ann, "tally-chat >>> .author", "Ann #1 (you)", "Guest #2");
  await ann.reload();
  await shows(ann, TEXTS, "Hello", "Hello, Ann");
  await shows(ann, "tally-chat >>> .author", "Ann #1 (you)", "Guest #2");

  // A chat that comes later has what the first one has.
  await ann.evaluate(`document.body.append(all("tally-chat")[0].cloneNode())`);
  await shows(ann, TEXTS, "Hello", "Hello, Ann", "Hello", "Hello, Ann");
});

inBrowser("who reads further up stays there, and is told of what is new", async (windows) => {
  const reader = await windows.open("/widgets?room=long");
  const writer = await windows.open("/widgets?room=long");
  const scrolled = `all("tally-chat >>> [part=log]")[0].scrollTop`;
  const latest = `all("tally-chat >>> [part=latest]")[0].hidden`;
  await writer.evaluate(`(async () => {
    const form = all("tally-chat >>> form")[0];
    for (let i = 1; i <= 40; i++) {
      all("tally-chat >>> input")[0].value = "Message " + i + " of many".repeat(i);
      form.requestSubmit();
    }
  })()`);
  await until(reader, `all("${TEXTS}").length === 40 && ${scrolled} === 0`);
  await reader.focus("tally-chat >>> [part=log]");
  const still = reader.evaluate(`new Promise((resolve) =>
    all("tally-chat >>> [part=log]")[0].addEventListener("scrollend", resolve, { once: true }))`);
  await reader.keyboard.press("PageUp");
  await still;
  await reader.evaluate(`globalThis.seen = all("${TEXTS}").find((text) =>
    text.getBoundingClientRect().top > all("tally-chat")[0].getBoundingClientRect().top)`);
  const place = "seen.getBoundingClientRect().top";
  const before = Number(await reader.evaluate(place));
  await say(writer, "New");
  await until(reader, `all("${TEXTS}").length === 41 && !${latest}`);
  // Positions in between are rounded to whole pixels.
  assert(Math.abs(Number(await reader.evaluate(place)) - before) <= 1);
  await reader.keyboard.press("Tab");
  await reader.keyboard.press("Enter");
  await until(reader, `${scrolled} === 0 && ${latest}`);
});

inBrowser("a poll has one vote a session, which a reload keeps", async (windows) => {
  const poll = "tally-poll[poll=lunch]";
  const ann = await windows.open("/widgets?room=poll");
  const bob = await windows.open("/widgets?room=poll");
  await vote(ann, poll, 1);
  await polls(ann, poll, "*Noodle bar 1", "Bakery 0", "Canteen 0");
  await polls(bob, poll, "Noodle bar 1", "Bakery 0", "Canteen 0");
  await vote(bob, poll, 2);
  await polls(ann, poll, "*Noodle bar 1", "Bakery 1", "Canteen 0");
  await shows(ann, `${poll} >>> [part=share]`, "50 %", "50 %", "0 %");
  await vote(ann, poll, 2);
  await polls(bob, poll, "Noodle bar 0", "*Bakery 2", "Canteen 0");
  await ann.reload();
  await polls(ann, poll, "Noodle bar 0", "*Bakery 2", "Canteen 0");
  await vote(ann, poll, 3);
  await polls(bob, poll, "Noodle bar 0", "*Bakery 1", "Canteen 1");
});

inBrowser("an ephemeral vote goes with its voter, and comes back with it", async (windows, {
  server,
}) => {
  const poll = "tally-poll[ephemeral]";
  const ann = await windows.open("/widgets?room=ready");
  const bob = await windows.open("/widgets?room=ready");
  await vote(ann, poll, 1);
  await vote(bob, poll, 2);
  await polls(bob, poll, "Ready 1", "*Not yet 1");
  await ann.close();
  await polls(bob, poll, "Ready 0", "*Not yet 1");
  await bob.evaluate(`globalThis.lost = false; new MutationObserver(() => lost = true)
    .observe(all("tally-status")[0], { attributeFilter: ["offline"] })`);
  for (const connection of server.connections) connection.close({ code: 1012, reason: "" });
  await until(bob, "lost");
  await online(bob);
  await polls(bob, poll, "Ready 0", "*Not yet 1");
});

inBrowser("a counter is exact in all windows", async (windows) => {
  const [ann, bob] = [
    await windows.open("/widgets?room=counter"),
    await windows.open("/widgets?room=counter"),
  ];
  for (const _ of range(1, 5)) {
    await ann.click("tally-counter >>> button");
    await bob.click("tally-counter >>> button");
  }
  for (const page of [ann, bob]) await shows(page, "tally-counter >>> output", "1");
});

inBrowser("presence tells names, who is away, and who has left", async (windows) => {
  const ann = await windows.open("/widgets?room=presence");
  const bob = await windows.open("/widgets?room=presence");
  await call(bob, "Bob");
  await shows(ann, MEMBERS, "Guest #1 (you)", "Bob #2");
  // A minute hidden, in no time.
  await bob.evaluate(`(() => {
    const real = setTimeout;
    addEventListener("visibilitychange", () => {
      globalThis.setTimeout = (handler, ms) => real(handler, ms === 60_000 ? 0 : ms);
    }, true);
    addEventListener("visibilitychange", () => globalThis.setTimeout = real);
  })()`);
  const front = await bob.browserContext().newPage();
  await shows(ann, MEMBERS, "Guest #1 (you)", "Bob #2 (away)");
  assertEquals(await bob.evaluate(`texts("tally-status >>> [part=status]")`), ["Away"]);
  await front.close();
  await bob.bringToFront();
  await shows(ann, MEMBERS, "Guest #1 (you)", "Bob #2");
  await online(bob);
  await bob.close();
  await shows(ann, MEMBERS, "Guest #1 (you)");
  await shows(ann, "tally-presence >>> [part=count]", "1 here");
});

inBrowser("reactions fly, are counted, and are limited", async (windows, server) => {
  const ann = await windows.open("/widgets?room=reactions");
  const bob = await windows.open("/widgets?room=reactions");
  const counts = "tally-reactions >>> [part=count]";
  for (const page of [ann, bob]) {
    await page.evaluate(`globalThis.flown = []; new MutationObserver((changes) => {
      for (const { addedNodes } of changes) for (const { textContent } of addedNodes) flown.push(textContent);
    }).observe(all("tally-reactions >>> .sky")[0], { childList: true })`);
  }
  await ann.click("tally-reactions >>> button:nth-child(4)");
  for (const page of [ann, bob]) {
    await shows(page, counts, "0", "0", "0", "1", "0");
    await until(page, `flown.join() === "🎉"`);
  }
  await reactTooOften(ann, `=== "React at most 5 times a second."`);
  // Once this has been said, all that was sent before has been done.
  await say(ann, "Enough");
  await shows(bob, TEXTS, "Enough");
  await using counting = await server.connect("room=reactions&subscribe=counter:reaction:👍");
  const { value } = (await counting.next("counter")).data;
  for (const page of [ann, bob]) await shows(page, counts, value, "0", "0", "1", "0");
  assert(Number(value) >= 9);
  await until(ann, `all("tally-reactions >>> .sky span").length === 0`);
});

inBrowser(
  "without a network nothing is lost or doubled, and the widgets say so",
  async (windows) => {
    const ann = await windows.open("/widgets?room=offline");
    const bob = await windows.open("/widgets?room=offline");
    await say(ann, "before");
    await shows(bob, TEXTS, "before");
    await ann.setOfflineMode(true);
    await shows(ann, "tally-status >>> [part=status]", "Offline");
    for (const tag of ["chat", "poll[ephemeral]", "counter", "presence", "reactions"]) {
      await shows(ann, `tally-${tag} >>> [part=offline]`, OFFLINE);
    }
    await say(bob, "meanwhile");
    await say(ann, "without a network");
    await ann.click("tally-counter >>> button");
    await shows(ann, "tally-chat >>> [part=offline]", `${OFFLINE} 1 to be sent then.`);
    await ann.setOfflineMode(false);
    await online(ann);
    await shows(ann, "tally-chat >>> [part=offline]", "");
    for (const page of [ann, bob]) {
      await shows(page, TEXTS, "before", "meanwhile", "without a network");
      await shows(page, "tally-counter >>> output", "0.1");
    }
  },
);

Deno.test({
  name: "widgets: a restart loses and doubles nothing, nor what is being typed",
  ignore: chromium === undefined,
  fn: async () => {
    const directory = await Deno.makeTempDir();
    try {
      await using server = await ServerProcess.start({ KV_PATH: `${directory}/kv.sqlite3` });
      await using windows = await Windows.start(`http://127.0.0.1:${server.port}`, OPENING);
      const page = await windows.open("/widgets?room=restart");
      await call(page, "Ann");
      await vote(page, "tally-poll[ephemeral]", 1);
      await polls(page, "tally-poll[ephemeral]", "*Ready 1", "Not yet 0");
      await say(page, "before");
      await shows(page, TEXTS, "before");
      await page.type(INPUT, "half a ");
      await server.end("SIGKILL");
      await shows(page, "tally-chat >>> [part=offline]", OFFLINE);
      await page.click("tally-counter >>> button");
      await page.type(INPUT, "sentence");
      await server.run();
      await online(page);
      const field = `all("${INPUT}")[0]`;
      assertEquals(await page.evaluate(`${field}.value`), "half a sentence");
      assertEquals(
        await page.evaluate(`${field} === all("tally-chat")[0].shadowRoot.activeElement`),
        true,
      );
      await page.keyboard.press("Enter");
      await shows(page, TEXTS, "before", "half a sentence");
      await shows(page, "tally-counter >>> output", "0.1");
      await polls(page, "tally-poll[ephemeral]", "*Ready 1", "Not yet 0");
      await shows(page, MEMBERS, "Ann #1 (you)");
      // While there is no server, the browser itself reports each vain attempt.
      const others = windows.faults.filter((fault) => !fault.includes("WebSocket connection to"));
      assertEquals(others, []);
    } finally {
      await Deno.remove(directory, { recursive: true });
    }
  },
});

Deno.test({
  name: "widgets: with a server that has forgotten everything they begin anew, and say so",
  ignore: chromium === undefined,
  fn: async () => {
    await using server = await ServerProcess.start({ KV_PATH: ":memory:" });
    await using windows = await Windows.start(`http://127.0.0.1:${server.port}`, OPENING);
    const page = await windows.open("/widgets?room=forgotten");
    await call(page, "Ann");
    await say(page, "before");
    await shows(page, TEXTS, "before");
    await vote(page, "tally-poll[poll=lunch]", 1);
    await polls(page, "tally-poll[poll=lunch]", "*Noodle bar 1", "Bakery 0", "Canteen 0");
    await server.end("SIGKILL");
    await shows(page, "tally-chat >>> [part=offline]", OFFLINE);
    await server.run();
    await online(page);
    await shows(page, MEMBERS, "Ann #1 (you)");
    await polls(page, "tally-poll[poll=lunch]", "Noodle bar 0", "Bakery 0", "Canteen 0");
    await say(page, "after");
    await shows(page, TEXTS, "before", "after");
    await shows(page, "tally-chat >>> [part=gap]", "Some messages are missing here.");
  },
});

inBrowser("what others write stays text", async (windows, server) => {
  const room = encodeURIComponent(`${MARKUP}"'&amp;`);
  const ann = await windows.open(`/widgets?room=${room}`);
  assertEquals(await ann.evaluate(`texts("[data-id=room]")[0]`), decodeURIComponent(room));
  const pasted = await ann.evaluate(`new DOMParser().parseFromString(
    texts("section:first-child code")[0], "text/html").querySelector("tally-chat").getAttribute("room")`);
  assertEquals(pasted, decodeURIComponent(room));
  await using stranger = await server.connect(`room=${room}`);
  await stranger.ask({ type: "login", data: { name: MARKUP } });
  await stranger.ask({ type: "chat", data: MARKUP });
  await stranger.ask({ type: "chat", data: { markup: MARKUP } });
  await stranger.ask({ type: "poll", data: { id: "lunch", answer: MARKUP } });
  stranger.send({ type: "signal", data: { event: "typing", data: MARKUP } });
  stranger.send({ type: "signal", data: { event: "reaction", data: { emoji: MARKUP } } });
  await shows(ann, "tally-chat >>> [part=typing]", `${MARKUP} is typing …`);
  await shows(ann, TEXTS, MARKUP, JSON.stringify({ markup: MARKUP }));
  await shows(ann, "tally-chat >>> .author", `${MARKUP} #2`);
  await polls(
    ann,
    "tally-poll[poll=lunch]",
    "Noodle bar 0",
    "Bakery 0",
    "Canteen 0",
    `${MARKUP} 1`,
  );
  await shows(ann, MEMBERS, "Guest #1 (you)", `${MARKUP} #2`);
  assertEquals(await ann.evaluate(`all(".demo > * >>> img").length + all("main img").length`), 0);
  assertEquals(await ann.evaluate("globalThis.pwned"), undefined);
});

inBrowser("the keyboard alone does everything, in order and in sight", async (windows) => {
  const page = await windows.open("/widgets?room=keys");
  const focused = `(() => {
    let element = document.activeElement;
    while (element.shadowRoot?.activeElement) element = element.shadowRoot.activeElement;
    const { outlineStyle, outlineWidth } = getComputedStyle(element);
    return [all(".demo > * >>> :is(button, input, [tabindex]):not([hidden])").indexOf(element),
      outlineStyle !== "none" && parseFloat(outlineWidth) >= 2];
  })()`;
  const act: Record<number, () => Promise<void>> = {
    1: () => page.keyboard.type("Said by keys"),
    2: () => page.keyboard.press("Enter"),
    4: () => page.keyboard.press("Space"),
    6: () => page.keyboard.press("Enter"),
    8: () => page.keyboard.press("Space"),
    9: () => page.keyboard.press("Enter"),
  };
  // Who focuses a widget by itself is where one writes.
  await page.evaluate(`document.querySelector("tally-chat").focus()`);
  assertEquals(await page.evaluate(focused), [1, true]);
  const order: number[] = [];
  await page.focus("#name");
  while (order.length < 14) {
    await page.keyboard.press("Tab");
    const [place, visible] = await page.evaluate(focused) as [number, boolean];
    assert(visible, `No focus to be seen after ${order}`);
    if (place === -1) continue;
    order.push(place);
    await act[place]?.();
  }
  assertEquals(order, range(0, 13));
  await shows(page, TEXTS, "Said by keys");
  await polls(page, "tally-poll[poll=lunch]", "Noodle bar 0", "*Bakery 1", "Canteen 0");
  await polls(page, "tally-poll[ephemeral]", "*Ready 1", "Not yet 0");
  await shows(page, "tally-counter >>> output", "0.1");
  await shows(page, "tally-reactions >>> [part=count]", "1", "0", "0", "0", "0");
});

inBrowser("nothing is wider than 320 pixels, in either direction of writing", async (windows) => {
  const page = await windows.open(`/widgets?room=${"wide".repeat(60)}`, { width: 320 });
  const word = "m".repeat(40);
  await call(page, word);
  await shows(page, MEMBERS, `${word} #1 (you)`);
  await say(page, word.repeat(3));
  await shows(page, TEXTS, word.repeat(3));
  await page.evaluate(`all("tally-poll")[0].setAttribute("answers", "${word},short")`);
  await polls(page, "tally-poll[poll=lunch]", `${word} 0`, "short 0");
  await reactTooOften(page);
  const wider = `all(".demo > *, .demo > * >>> *").filter((element) => {
    const { left, right } = element.getBoundingClientRect();
    return left < 0 || right > 320;
  }).map(({ outerHTML }) => outerHTML)`;
  for (const direction of ["ltr", "rtl"]) {
    await until(page, `all(".demo")[0].dir === "${direction}"`);
    assertEquals(await page.evaluate("document.documentElement.scrollWidth"), 320);
    assertEquals(await page.evaluate(wider), []);
    if (direction === "ltr") await page.click("[name=rtl]");
  }
  const sides = `(() => {
    const [input, send] = ["input", "[part=send]"].map((part) =>
      all("tally-chat >>> " + part)[0].getBoundingClientRect().left);
    const bar = all("tally-poll >>> [part=bar]")[0];
    return [send < input, getComputedStyle(bar).right];
  })()`;
  assertEquals(await page.evaluate(sides), [true, "0px"]);
});

for (const scheme of ["light", "dark"] as const) {
  inBrowser(`nothing is amiss for assistive technology, ${scheme}`, async (windows, server) => {
    const page = await windows.open("/widgets?room=axe", { scheme });
    await page.evaluate(axe.source);
    assertEquals(await violations(page), [], "before anything has been said");
    const other = await server.connect("room=axe");
    await other.ask({ type: "login", data: { name: "Bob" } });
    other.send({ type: "status", data: "AWAY" });
    for (const text of ["Hello", "again"]) await other.ask({ type: "chat", data: text });
    await say(page, "Hello, Bob");
    await vote(page, "tally-poll", 1);
    await polls(page, "tally-poll[poll=lunch]", "*Noodle bar 1", "Bakery 0", "Canteen 0");
    await shows(page, TEXTS, "Hello", "again", "Hello, Bob");
    await shows(page, MEMBERS, "Guest #1 (you)", "Bob #2 (away)");
    other.send({ type: "signal", data: { event: "typing" } });
    await reactTooOften(page);
    await until(page, "document.getAnimations().length === 0");
    const accents = await page.$$eval("[name=accent]", (found) => found.length);
    for (const accent of range(0, accents - 1)) {
      await page.evaluate(`all("[name=accent]")[${accent}].click()`);
      await until(page, "all('.demo > * >>> *').every((e) => e.getAnimations().length === 0)");
      assertEquals(await violations(page), []);
    }
    const looked = await page.evaluate(
      `axe.run().then(({ passes }) => passes.some(({ nodes }) => nodes.some(({ target }) =>
        target.flat().includes("tally-chat"))))`,
    );
    assertEquals(looked, true, "shadow roots are looked into");
    const background = await page.evaluate(
      `getComputedStyle(all("tally-chat")[0]).backgroundColor`,
    );
    assertEquals(background, scheme === "light" ? "rgb(255, 255, 255)" : "rgb(24, 33, 30)");
    await other.close();
  });
}

inBrowser(
  "widgets of a room share a connection, and leave none behind",
  async (windows, server) => {
    const page = await windows.open("/widgets?room=one");
    await connections(server, 1);
    const ids = (): string[] => [...server.server.connections].map(({ clientId }) => clientId);
    const before = ids();
    await say(page, "before");
    await shows(page, TEXTS, "before");
    await page.type(INPUT, "half");
    await page.evaluate(`(() => {
    const chat = all("tally-chat")[0];
    const place = chat.parentElement;
    for (let i = 0; i < 20; i++) (i % 2 ? place : document.body).append(chat);
    for (const label of ["a", "b", "c"]) all("tally-poll")[0].setAttribute("label", label);
    chat.setAttribute("name", "Ann");
  })()`);
    await shows(page, "tally-poll[poll=lunch] >>> [part=label]", "c");
    await shows(page, MEMBERS, "Ann #1 (you)");
    await shows(page, TEXTS, "before");
    assertEquals(await page.evaluate(`all("${INPUT}")[0].value`), "half");
    assertEquals(ids(), before);

    await page.evaluate(`for (const chat of all("tally-chat")) chat.setAttribute("room", "two")`);
    await shows(page, TEXTS);
    await connections(server, 2);
    await page.evaluate(
      `for (const widget of all(".demo > *")) widget.setAttribute("room", "two")`,
    );
    await connections(server, 1);
    assertEquals([...server.server.connections].map(({ room }) => room.name), ["two"]);
    await page.evaluate(`for (const widget of all(".demo > *")) widget.remove()`);
    await connections(server, 0);
  },
);

inBrowser(
  "a page of another site needs a room, and bears the script twice",
  async (windows, server) => {
    const script = `<script type="module" src="${server.url}/widgets.js`;
    const html = `<!DOCTYPE html><html lang="en"><meta charset="utf-8"><title>Elsewhere</title>
    <link rel="icon" href="data:,">
    ${script}"></script>${script}?again"></script><main>
    <tally-chat room="site"></tally-chat><tally-poll room="site"></tally-poll>
    <tally-counter room="site"></tally-counter><tally-presence room="site"></tally-presence>
    <tally-reactions room="site"></tally-reactions><tally-status room="site"></tally-status></main>`;
    await using site = Deno.serve(
      { port: 0, hostname: "127.0.0.1", onListen: () => {} },
      () => new Response(html, { headers: { "content-type": "text/html" } }),
    );
    const page = await windows.open(`http://127.0.0.1:${site.addr.port}/`);
    const home = await windows.open("/widgets?room=site");
    await say(page, "From elsewhere");
    await page.click("tally-counter >>> button");
    await shows(page, "tally-counter >>> output", "1");
    await shows(home, TEXTS, "From elsewhere");
    await page.click("tally-reactions >>> button");
    await shows(home, "tally-reactions >>> [part=count]", "1", "0", "0", "0", "0");
    await shows(page, MEMBERS, "Guest #1 (you)", "Guest #2");
    await shows(page, "tally-poll >>> [part=total]", "No answers yet.");
    await using voter = await server.connect("room=site");
    await voter.ask({ type: "poll", data: { id: "default", answer: "yes" } });
    await polls(page, "tally-poll", "yes 1");
    await connections(server, 3);
  },
);

inBrowser("the page's snippets and theme are those that it shows", async (windows) => {
  const page = await windows.open("/widgets?room=theme");
  assertEquals(
    await page.evaluate(`texts(".widget code").filter((text) => text.startsWith("<tally-chat"))`),
    ['<tally-chat room="theme"></tally-chat>'],
  );
  await page.click(".widget .snippet button");
  await until(page, `/Copied|Selected/.test(texts(".widget .snippet button")[0])`);
  assertEquals(
    await page.evaluate("getSelection().toString().trim()"),
    '<tally-chat room="theme"></tally-chat>',
  );
  await page.click("label:has([value^='light-dark(#a34a00'])");
  await page.click("label:has([value=dark])");
  const button = `getComputedStyle(all("tally-chat >>> [part=send]")[0])`;
  await until(page, `${button}.backgroundColor === "rgb(255, 178, 92)"`);
  assertEquals(await page.evaluate(`texts("[data-id=css]")`), [
    ":root {\n  --tally-accent: light-dark(#a34a00, #ffb25c);\n  color-scheme: dark;\n}",
  ]);
});

Deno.test("widgets: the script takes at most 24 KB", async () => {
  const script = await Deno.open(new URL("../../dist/widgets.js", import.meta.url));
  const gzipped = script.readable.pipeThrough(new CompressionStream("gzip"));
  const { size } = await new Response(gzipped).blob();
  assert(size <= 24_000, `${size} bytes`);
});
