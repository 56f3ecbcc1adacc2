import { assert, assertEquals } from "@std/assert";
import { createHash } from "node:crypto";
import type { Page } from "puppeteer-core";
import { promote } from "../harness/admin.ts";
import { browserTests, MARKUP, texts, until } from "../harness/browser.ts";
import { SIGNING_KEY, type TestServer } from "../harness/server.ts";

// deno-lint-ignore no-explicit-any -- the document and frames are looked into in many places
type Json = any;

const READY = `document.querySelector("[data-id=state]").textContent === "online" &&
  document.querySelector("[data-id=log]").ariaBusy === "false" &&
  document.querySelectorAll("#type option").length > 0`;
const inspecting = browserTests("inspector", { ready: (page) => until(page, READY) });

async function messagesOf({ url }: TestServer): Promise<Json[]> {
  const { channels, operations } = await (await fetch(`${url}/asyncapi.json`)).json();
  return operations.send.messages.map(({ $ref }: Json) =>
    channels.room.messages[$ref.split("/").at(-1)]
  );
}

/** Waits until what a selector finds says exactly this, white space aside. */
function untilTexts(page: Page, selector: string, expected: readonly string[]): Promise<void> {
  const found = `[...document.querySelectorAll(${JSON.stringify(selector)})]
    .map(({ textContent }) => textContent.replace(/\\s+/g, " ").trim())`;
  return until(page, `JSON.stringify(${found}) === ${JSON.stringify(JSON.stringify(expected))}`);
}

function untilText(page: Page, selector: string, pattern: RegExp): Promise<void> {
  const text = `document.querySelector(${JSON.stringify(selector)})?.textContent`;
  return until(page, `${pattern}.test(${text})`);
}

/** Sends what is in the form, and returns the answer. */
async function send(page: Page): Promise<string> {
  await page.$eval("[data-id=answer]", (answer) => answer.textContent = "");
  await page.click("[data-id=send]");
  await untilText(page, "[data-id=answer]", /^(Acknowledged|Refused)/);
  return (await texts(page, "[data-id=answer]"))[0]!;
}

/** Sends a text as it is, and returns the answer. */
async function sendRaw(page: Page, text: string): Promise<string> {
  await page.click("label[for=mode-raw]");
  await replace(page, "#raw", text);
  return await send(page);
}

async function replace(page: Page, selector: string, text: string): Promise<void> {
  await page.click(selector);
  await page.keyboard.down("Control");
  await page.keyboard.press("a");
  await page.keyboard.up("Control");
  if (text === "") await page.keyboard.press("Delete");
  else await page.keyboard.sendCharacter(text);
}

/** Shows all of a frame. */
async function unfold(page: Page, row: string): Promise<void> {
  await page.focus(`${row} summary`);
  await page.keyboard.press("Enter");
  await until(page, `document.querySelector("${row} .whole code") !== null`);
}

async function signIn(page: Page, key = SIGNING_KEY): Promise<void> {
  await page.type("#key", key);
  await page.keyboard.press("Enter");
}

/** All that goes over the wire from now on, as the browser sees it. */
async function overhear(page: Page): Promise<{ way: string; text: string }[]> {
  const wire: { way: string; text: string }[] = [];
  const session = await page.createCDPSession();
  await session.send("Network.enable");
  for (const [event, way] of [["Sent", "sent"], ["Received", "received"]] as const) {
    session.on(`Network.webSocketFrame${event}`, ({ response }) => {
      wire.push({ way, text: response.payloadData });
    });
  }
  return wire;
}

/** What the page exports. */
async function exported(page: Page): Promise<{ room: string; frames: Json[] }> {
  const directory = await Deno.makeTempDir();
  const session = await page.createCDPSession();
  const { browserContextId } = (await session.send("Target.getTargetInfo")).targetInfo;
  await session.send("Browser.setDownloadBehavior", {
    behavior: "allow",
    downloadPath: directory,
    browserContextId,
    eventsEnabled: true,
  });
  const done = new Promise<void>((resolve) => {
    session.on("Browser.downloadProgress", ({ state }) => state === "completed" && resolve());
  });
  await page.click("[data-id=export]");
  await done;
  const text = await Deno.readTextFile(`${directory}/frames.json`);
  await Deno.remove(directory, { recursive: true });
  return JSON.parse(text);
}

/** A message with its numbers as text, which the server takes for the same. */
function asText(value: Json): Json {
  const text = JSON.stringify(value, (name, one) => {
    return typeof one === "number" && name !== "cell" ? String(one) : one;
  });
  return JSON.parse(text);
}

inspecting("each type's form makes messages that the server takes", async (windows, server) => {
  const page = await windows.open("/inspect?room=forms", { width: 1400 });
  await signIn(page);
  await untilText(page, "[data-id=role]", /^admin$/);
  const messages = await messagesOf(server);
  const offered = await page.$$eval("#type option", (options) => options.map(({ value }) => value));
  assertEquals(offered.sort(), messages.map(({ name }) => name).sort());

  const wire = await overhear(page);
  // The connection is over after a `close`.
  messages.sort((one, other) => Number(one.name === "close") - Number(other.name === "close"));
  for (const { name, examples } of messages) {
    await page.select("#type", name);
    for (const [index, { payload }] of examples.entries()) {
      await page.select("#example", String(index));
      const [preview] = await texts(page, "[data-id=preview]");
      const answer = await send(page);
      const refusal = name === "authenticate" ? /^Refused \d+: timestamp_out_of_range/ : undefined;
      assert((refusal ?? /^Acknowledged \d+ after/).test(answer), `${preview}: ${answer}`);
      const sent = wire.findLast(({ way }) => way === "sent")!.text;
      assertEquals(sent, preview);
      const { id: _id, ...message } = JSON.parse(sent);
      assertEquals(asText(message), asText(payload));
    }
  }
  await untilText(page, "[data-id=state]", /^offline$/);
  await untilText(page, "[data-id=notice]", /^1000 closed as asked/);
});

inspecting("a form says what does not fit, before it is sent", async (windows) => {
  const page = await windows.open("/inspect?room=faults", { width: 1400 });
  const wire = await overhear(page);
  const faults = [
    ["chat", '{"half":', /Not JSON/],
    ["login", "[]", /Not a JSON object/],
    ["chat", "", /fill out/i],
    ["subscribe", "", /fill out/i],
  ] as const;
  for (const [type, text, fault] of faults) {
    await page.select("#type", type);
    const field = "[data-id=fields] .field :is(input, textarea)";
    await replace(page, field, text);
    await page.click("[data-id=send]");
    const told = await page.$eval(field, (control) => (control as Json).validationMessage);
    assert(fault.test(told), `${type} ${text}: ${told}`);
  }
  await page.select("#type", "chat");
  await page.type("[data-id=fields] textarea", "at last");
  await send(page);
  assertEquals(wire.filter(({ way }) => way === "sent").map(({ text }) => JSON.parse(text)), [
    { type: "chat", data: "at last", id: "1" },
  ]);
});

inspecting("every frame is shown, in order, with its size", async (windows, server) => {
  const page = await windows.open("/inspect?room=frames", { width: 1400 });
  await page.click("[data-id=leave]");
  await untilText(page, "[data-id=state]", /^offline$/);
  await page.click("[data-id=clear]");
  const wire = await overhear(page);
  await page.click(".join button");
  await until(page, READY);
  await using other = await server.connect("room=frames");
  await other.ask({ type: "chat", data: "Grüße 👋" });
  const text = '{ "type": "chat", "data": 12345678901234567890, "id": "raw" }';
  await sendRaw(page, text);
  await other.ask({ type: "counter", data: { id: "last" } });
  await untilTexts(page, "[data-id=counters] li", ["last1"]);

  const { room, frames } = await exported(page);
  assertEquals(room, "frames");
  assertEquals(frames.map((frame) => ({ way: frame.direction, text: frame.text })), wire);
  const encoder = new TextEncoder();
  frames.forEach((frame, index) => {
    assertEquals(frame.bytes, encoder.encode(frame.text).length);
    const since = Date.parse(frame.time) - Date.parse(frames[index - 1]?.time ?? frame.time);
    // The time is in whole milliseconds.
    if (index > 0) assert(Math.abs(frame.since_last_ms - since) <= 1, JSON.stringify(frame));
  });
  const ways = await page.$$eval(
    "li.frame",
    (rows) => rows.map((row) => (row as Json).dataset.direction),
  );
  assertEquals(ways, wire.map(({ way }) => way));
  assertEquals(await texts(page, ".frame .text"), wire.map(({ text }) => text.slice(0, 300)));
  const own = frames.findIndex((frame) => frame.text === text);
  const row = `li.frame:nth-child(${own + 1})`;
  assertEquals(await texts(page, `${row} .size`), [`${text.length} B`]);
  assert(/^\d\d:\d\d:\d\d\.\d{3}$/.test((await texts(page, `${row} .time`))[0]!));
  assert(/^\+[\d.]+ (ms|s)$/.test((await texts(page, `${row} .since`))[0]!));

  // A number that JavaScript would round is shown, copied and sent again as it was.
  await unfold(page, row);
  const shown = '{\n  "type": "chat",\n  "data": 12345678901234567890,\n  "id": "raw"\n}';
  assertEquals(await texts(page, `${row} .whole code`), [shown]);
  await page.click(`${row} .whole button`);
  await untilText(page, "[data-id=done]", /^(Copied|Selected)$/);
  await page.click(`${row} .whole button:nth-child(2)`);
  assertEquals(await page.$eval("#raw", (area) => (area as Json).value), shown);
});

inspecting("raw text goes out as it is, whatever it is", async (windows) => {
  const page = await windows.open("/inspect?room=raw", { width: 1400 });
  const wire = await overhear(page);
  const cases = [
    ['{"type":"report","data":{"suffix":4},"id":7}', /^Acknowledged 7 after/],
    ['{"event":"data:get:score","id":"get"}', /^Acknowledged get after/],
    ['{"type":"counter","data":{"value":"lots"},"id":"x"}', /^Refused x: invalid_message\./],
    ['{"type":"config","data":"","id":"y"}', /^Refused y: not_allowed\./],
    ['{"half":', /^Refused: invalid_json\./],
    ["[]", /^Refused: invalid_message\./],
  ] as const;
  for (const [text, expected] of cases) {
    const answer = await sendRaw(page, text);
    assert(expected.test(answer), `${text}: ${answer}`);
  }
  const sent = wire.filter(({ way }) => way === "sent").map(({ text }) => text);
  assertEquals(sent, cases.map(([text]) => text));
  const types = `[...document.querySelectorAll("li.frame[data-direction=sent] .type")]
    .map(({ textContent }) => textContent).slice(-6).join()`;
  await until(page, `${types} === "report,data:get:score,counter,config,not JSON,none"`);
});

inspecting("an admin signs in, and the key stays in the page", async (windows) => {
  const room = "größe ".repeat(20);
  for (const secure of [true, false]) {
    const page = await windows.open(`/inspect?room=${encodeURIComponent(room)}`, { width: 1400 });
    if (!secure) {
      await page.evaluateOnNewDocument("Object.defineProperty(crypto, 'subtle', {})");
      await page.reload();
      await until(page, READY);
    }
    const requests: string[] = [];
    page.on("request", (request) => {
      requests.push(JSON.stringify([request.url(), request.headers(), request.postData()]));
    });
    const wire = await overhear(page);
    await signIn(page, "not the key");
    await untilText(page, "[data-id=admin-answer]", /^Refused: authentication_failed\./);
    await signIn(page);
    await untilText(page, "[data-id=admin-answer]", /^You are an admin\./);
    await untilText(page, "[data-id=role]", /^admin$/);
    await page.select("#type", "config");
    await page.type("[data-id=fields] input", "from the inspector");
    assert((await send(page)).startsWith("Acknowledged"));

    const kept = `JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie,
      [...document.querySelectorAll("input, textarea")].map(({ value }) => value)])`;
    const seen = [
      await page.evaluate(kept),
      page.url(),
      ...requests,
      ...wire.map(({ text }) => text),
    ]
      .join("\n");
    assertEquals(wire.filter(({ text }) => text.includes('"authenticate"')).length, 2);
    for (const key of [SIGNING_KEY, "not the key"]) assert(!seen.includes(key), seen);
  }
  const page = await windows.open("/inspect", { width: 1400 });
  for (const length of [0, 1, 55, 56, 63, 64, 119, 120, 1000]) {
    const text = "é".repeat(length >> 1) + "x".repeat(length % 2);
    const expected = createHash("sha256").update(text).digest("hex");
    const digest = `import("/assets/inspect_sha256.js").then(({ sha256 }) => sha256("${text}"))`;
    assertEquals(await page.evaluate(digest), expected, `${length} bytes`);
    await page.evaluate("Object.defineProperty(crypto, 'subtle', { configurable: true })");
    assertEquals(await page.evaluate(digest), expected, `${length} bytes, without the browser`);
    await page.evaluate("delete crypto.subtle");
  }
});

inspecting("members, counters, polls, data and the log are followed", async (windows, server) => {
  const ann = await server.connect("room=watched");
  await promote(ann);
  const before = { type: "broadcast", data: { to: "nobody", type: "notice", data: "early" } };
  await ann.ask(before);
  await ann.ask({ type: "counter", data: { id: "visits", value: "0.1" } });
  const page = await windows.open("/inspect?room=watched", { width: 1400 });
  await untilTexts(page, "[data-id=counters] li", ["visits0.1"]);
  await untilTexts(page, "[data-id=log] li", ['1notice"early"']);
  await untilTexts(page, "[data-id=members] li p", ["#1 online", "#2 online"]);

  await ann.ask({ type: "login", data: { name: "Ann", _secret: 1 } });
  await ann.ask({ type: "status", data: "AWAY" });
  await untilTexts(page, "[data-id=members] li p", ["#1 Ann away", "#2 online"]);
  await ann.ask({ type: "counter", data: { id: "visits", value: "0.2" } });
  await ann.ask({ type: "counter", data: { id: "another" } });
  await untilTexts(page, "[data-id=counters] li", ["another1", "visits0.3"]);
  await ann.ask({ type: "poll", data: { id: "Tea?", answer: "Yes" } });
  await ann.ask({ type: "ephemeralPoll", data: { id: "Here?", answer: "me" } });
  await untilTexts(page, "[data-id=polls] li", ["Here? ephemeralme1", "Tea?Yes1"]);
  await ann.ask({ type: "data", data: { key: "score", value: [1, 0] } });
  await ann.ask({ type: "data", data: { key: "gone", value: 1 } });
  await untilTexts(page, "[data-id=data] li", ["gone1", "score[1,0]"]);
  await ann.ask({ type: "data", data: { key: "gone", value: null } });
  await untilTexts(page, "[data-id=data] li", ["score[1,0]"]);

  // What is not for the page's subscriptions is fetched once the next event shows the gap.
  await ann.ask({ type: "broadcast", data: { to: "nobody", type: "notice", data: "missed" } });
  await ann.ask({ type: "config", data: "calm" });
  await untilTexts(page, "[data-id=log] li", [
    '3config"calm"',
    '2notice"missed"',
    '1notice"early"',
  ]);

  await page.click("label[for=watching-counters]");
  await untilText(
    page,
    "li.frame:last-child .text",
    /"unsubscribe","data":"counter"|watch counter/,
  );
  await ann.ask({ type: "counter", data: { id: "visits", value: "1" } });
  await ann.ask({ type: "chat", data: "bye" });
  await ann.close();
  await untilTexts(page, "[data-id=members] li p", ["#2 online"]);
  await untilTexts(page, "[data-id=polls] li", ["Here? ephemeralNo votes", "Tea?Yes1"]);
  assertEquals(await texts(page, "[data-id=counters] li"), ["another1", "visits0.3"]);
  await page.click("label[for=watching-counters]");
  await untilTexts(page, "[data-id=counters] li", ["another1", "visits1.3"]);

  // Another room is another room's.
  await replace(page, "#room", "another");
  await page.keyboard.press("Enter");
  await untilTexts(page, "[data-id=members] li p", ["#1 online"]);
  await untilTexts(page, "[data-id=log] li, [data-id=counters] li, [data-id=polls] li", []);
  assert(page.url().endsWith("?room=another"));
});

inspecting("a channel can be chosen, and frames of several messages", async (windows, server) => {
  const page = await windows.open("/inspect?room=batches", { width: 1400 });
  await using other = await server.connect("room=batches");
  await page.click(".options summary");
  await page.type("#channel", "mine");
  await page.click("#batch");
  await page.click(".join button");
  await until(page, READY);
  const sent = Array.from({ length: 20 }, (_, i) => ({ type: "chat", data: i }));
  const data = { type: "greeting" };
  await other.ask({ type: "channel", channel_ids: ["mine"], data });
  for (const message of sent) other.send(message);
  await untilText(page, "[data-id=log] li:first-child", /^20chat/);
  const messages = (await exported(page)).frames.filter(({ direction }) => direction === "received")
    .flatMap(({ text }) => JSON.parse(text));
  const said = messages.filter(({ type }) => type === "chat").map(({ data }) => data.message);
  assertEquals(said, sent.map(({ data }) => data));
  assertEquals(messages.filter(({ type }) => type === "greeting").length, 1);
});

inspecting("frames can be looked for, held and cleared", async (windows, server) => {
  const page = await windows.open("/inspect?room=many", { width: 1400 });
  await using other = await server.connect("room=many");
  const say = (text: string): Promise<unknown> => other.ask({ type: "chat", data: text });
  const shown = (expected: string[]): Promise<void> => {
    const said = `[...document.querySelectorAll("li.frame .text")].map(({ textContent }) =>
      JSON.parse(textContent).data.message).join()`;
    return until(page, `${said} === ${JSON.stringify(expected.join())}`);
  };
  await say("one");
  await say("Two");
  await until(page, `document.querySelectorAll("#of-type option[value=chat]").length === 1`);
  await page.select("#of-type", "chat");
  await shown(["one", "Two"]);
  await page.type("#containing", "tWO");
  await shown(["Two"]);
  await untilText(page, "[data-id=amount]", /^1 of \d+ frames$/);
  await page.select("#way", "sent");
  await shown([]);
  await page.select("#way", "received");
  await replace(page, "#containing", "");
  await shown(["one", "Two"]);

  await page.click("[data-id=pause]");
  await say("three");
  await untilText(page, "[data-id=pause]", /^Resume \(1\)$/);
  await shown(["one", "Two"]);
  await page.click("[data-id=pause]");
  await shown(["one", "Two", "three"]);
  await page.click("[data-id=clear]");
  await shown([]);
  await say("four");
  await shown(["four"]);

  // Of more than are kept the oldest are gone, whatever was shown first.
  const kept = await page.evaluate(`(async () => {
    const { FrameList } = await import("/assets/inspect_list.js");
    const { Recording } = await import("/assets/inspect_recording.js");
    const recording = new Recording();
    const list = new FrameList(recording, document.createElement("ol"));
    const add = (from, to) => {
      for (let i = from; i <= to; i++) recording.add("sent", String(i));
    };
    add(1, 200);
    list.filter({ direction: "", type: "", text: "150" });
    list.filter({ direction: "", type: "", text: "" });
    add(201, 3100);
    list.pause(false);
    const rows = [...list.list.querySelectorAll(".text")].map(({ textContent }) => textContent);
    return [recording.frames.length, rows.length, rows[0], rows.at(-1)].join();
  })()`);
  assertEquals(kept, "3000,3000,101,3100");
});

inspecting("what others write stays text", async (windows, server) => {
  const room = encodeURIComponent(MARKUP);
  await using other = await server.connect(`room=${room}`);
  await promote(other);
  await other.ask({ type: "login", data: { name: MARKUP, [MARKUP]: MARKUP } });
  const page = await windows.open(`/inspect?room=${room}`, { width: 1400 });
  assertEquals(await texts(page, "[data-id=room]"), [MARKUP]);
  await other.ask({ type: "counter", data: { id: MARKUP } });
  await other.ask({ type: "poll", data: { id: MARKUP, answer: MARKUP } });
  await other.ask({ type: "data", data: { key: MARKUP, value: MARKUP } });
  await other.ask({ type: "broadcast", data: { type: MARKUP, data: MARKUP } });
  await other.ask({ type: "user", root_ids: [other.connection.user_id], data: { type: "chat" } });
  await other.ask({ type: "chat", data: { [MARKUP]: MARKUP } });
  await sendRaw(page, `{"type":"poll","data":"","id":${JSON.stringify(MARKUP)}}`);
  for (const card of ["members", "counters", "polls", "data", "log"]) {
    await untilText(page, `[data-id=${card}] .rows`, /<img src=x/);
  }
  await until(page, `document.querySelector("li.frame.error") !== null`);
  await unfold(page, "li.frame.error");
  await untilText(page, ".whole code", /<img src=x/);
  assert((await texts(page, "[data-id=answer]"))[0]!.includes(MARKUP));
  assert((await texts(page, "#of-type option")).includes(MARKUP));
  assertEquals(await page.evaluate("document.querySelectorAll('main img').length"), 0);
  assertEquals(await page.evaluate("window.pwned"), undefined);
});

inspecting("the keyboard is enough, and everything has a name", async (windows) => {
  const page = await windows.open("/inspect?room=keys", { width: 1400 });
  const tabTo = async (selector: string): Promise<void> => {
    const there = `document.activeElement.matches(${JSON.stringify(selector)})`;
    for (let i = 0; i < 60; i++) {
      if (await page.evaluate(there)) return;
      await page.keyboard.press("Tab");
    }
    throw new Error(`Tab never led to ${selector}`);
  };
  await tabTo("#type");
  await page.keyboard.type("counter");
  await untilText(page, "[data-id=summary]", /^Adds to a counter\.$/);
  await tabTo("[data-id=fields] input");
  await page.keyboard.type("keys");
  await page.keyboard.down("Control");
  await page.keyboard.press("Enter");
  await page.keyboard.up("Control");
  await untilText(page, "[data-id=answer]", /^Acknowledged 1 after/);
  await untilTexts(page, "[data-id=counters] li", ["keys1"]);

  await page.focus("#room");
  await tabTo("li.frame summary");
  await page.keyboard.press("Home");
  assertEquals(await texts(page, "li.frame:first-child :focus .type"), ["connection"]);
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  await until(page, `document.querySelector("li.frame:nth-child(2) [open] .whole") !== null`);
  await page.keyboard.press("Tab");
  await tabTo(".whole button");
  await page.keyboard.press("Enter");
  await untilText(page, "[data-id=done]", /^(Copied|Selected)$/);
  // From the list on, one Tab more leads past all other frames.
  assertEquals((await page.$$("li.frame summary[tabindex='0']")).length, 1);
  await tabTo("#mode-form");
  await page.keyboard.press("ArrowRight");
  await tabTo("#raw");
  await page.keyboard.press("Tab");
  await tabTo("#key");
  await page.keyboard.type(SIGNING_KEY);
  await page.keyboard.press("Enter");
  await untilText(page, "[data-id=role]", /^admin$/);

  const nameless = await page.$$eval(
    "main :is(input, select, textarea, button, [tabindex])",
    (all) =>
      all.filter((one: Json) =>
        !(one.labels?.length > 0 || one.ariaLabel || one.getAttribute("aria-labelledby") ||
          one.textContent.trim() !== "" && one.matches("button, summary"))
      ).map(({ outerHTML }) => outerHTML),
  );
  assertEquals(nameless, []);
});

inspecting("nothing is wider than a window of 320 pixels", async (windows, server) => {
  const room = "wide".repeat(60);
  const word = "m".repeat(120);
  await using other = await server.connect(`room=${room}`);
  await promote(other);
  await other.ask({ type: "login", data: { name: word, [word]: word } });
  await other.ask({ type: "counter", data: { id: word } });
  await other.ask({ type: "poll", data: { id: word, answer: word } });
  await other.ask({ type: "data", data: { key: word, value: word } });
  await other.ask({ type: "broadcast", data: { type: word, data: word } });
  const page = await windows.open(`/inspect?room=${room}`, { width: 320 });
  for (const card of ["members", "counters", "polls", "data", "log"]) {
    await untilText(page, `[data-id=${card}] .rows`, /mmm/);
  }
  await page.click(".options summary");
  await unfold(page, "li.frame:last-child");
  const width = "document.documentElement.scrollWidth";
  for (const { name, examples } of await messagesOf(server)) {
    await page.select("#type", name);
    await page.select("#example", String(examples.length - 1));
    assertEquals(await page.evaluate(width), 320, name);
  }
  await page.click("label[for=mode-raw]");
  await page.type("#raw", word);
  assertEquals(await page.evaluate(width), 320);
  const links = await page.$$eval("nav a", (found) => found.map(({ href }) => href));
  for (const link of links) assert(link.endsWith(`?room=${room}`), `${link} leaves the room`);
});
