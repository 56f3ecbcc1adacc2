import type { Page } from "puppeteer-core";
import { chromium, Windows } from "../tests/harness/browser.ts";
import { TestClient } from "../tests/harness/client.ts";
import { startTallyroom } from "./process.ts";
import { median, quantile, type Table } from "./report.ts";

const MESSAGES = 10_000;
/** How many are on their way at once. */
const CHUNK = 250;
/** How many frames a way through all of them takes. */
const FRAMES = 600;
const LOADS = 9;
const ROOM = "/widgets?room=bench";

/** Notes when the chat can be typed into, and when it is connected, in milliseconds. */
const WATCH = `
  globalThis.noted = customElements.whenDefined("tally-chat").then(async () => {
    const rootOf = (name) => document.querySelector(name).shadowRoot;
    await Promise.resolve();
    const [{ responseEnd }] = performance.getEntriesByType("resource")
      .filter(({ name }) => name.endsWith("/widgets.js"));
    if (!rootOf("tally-chat").querySelector("input")) throw new Error("Nothing to type into");
    const usable = performance.now() - responseEnd;
    const status = () => rootOf("tally-status").querySelector("[data-status=ONLINE]");
    while (!status()) await new Promise((resolve) => setTimeout(resolve, 1));
    return [usable, performance.now() - responseEnd];
  });
`;

/** The widgets in Chromium: how soon they are there, and how a long chat scrolls. */
export async function widgets(): Promise<Table> {
  const headings = ["in the browser", "median", "p99", "longest", "in"];
  if (chromium === undefined) {
    console.error("There is no Chromium: the widgets are not measured");
    return { headings, rows: [] };
  }
  await using tallyroom = await startTallyroom();
  const url = `http://127.0.0.1:${tallyroom.port}`;
  await using windows = await Windows.start(url, { ready: noted, script: WATCH });
  const loads: [number, number][] = [];
  for (let load = 0; load < LOADS; load++) {
    const page = await windows.open(ROOM);
    loads.push(await page.evaluate("noted") as [number, number]);
    await page.close();
  }
  const page = await windows.open(ROOM);
  await talk(tallyroom.port, page);
  const rest = await scroll(page, 0);
  const up = await scroll(page, -1);
  const down = await scroll(page, 1);
  const row = (name: string, values: number[]) => {
    return [name, median(values), quantile(values, 0.99), Math.max(...values), "ms"];
  };
  return {
    headings,
    rows: [
      row("from the script to a chat to type into", loads.map(([usable]) => usable)),
      row("from the script to a chat that is online", loads.map(([, online]) => online)),
      row("frames with nothing to do", rest),
      row(`frames while scrolling up ${MESSAGES} messages`, up),
      row(`frames while scrolling down again`, down),
    ],
  };
}

async function noted(page: Page): Promise<void> {
  await page.evaluate("noted");
}

/** Says everything, and waits until the page shows it. */
async function talk(port: number, page: Page): Promise<void> {
  await using talker = await TestClient.connect(port, "room=bench");
  for (let said = 0; said < MESSAGES; said += CHUNK) {
    for (let i = said; i < said + CHUNK; i++) {
      talker.send({ type: "chat", data: `Message ${i}${", and so on".repeat(i % 17)}` });
    }
    await talker.settled();
  }
  const items = `document.querySelector("tally-chat").shadowRoot.querySelector("[part=messages]")`;
  await page.waitForFunction(
    `${items}.querySelectorAll("[role=listitem]").length === ${MESSAGES}`,
    { polling: "raf" },
  );
}

/** Scrolls through the chat from one end to the other, or nowhere; the times between frames. */
function scroll(page: Page, direction: 1 | 0 | -1): Promise<number[]> {
  return page.evaluate(`new Promise((resolve) => {
    const log = document.querySelector("tally-chat").shadowRoot.querySelector("[part=log]");
    const step = ${direction} * (log.scrollHeight - log.clientHeight) / ${FRAMES};
    const times = [];
    const next = (time) => {
      times.push(time);
      if (times.length > ${FRAMES}) return resolve(times.slice(1).map((at, i) => at - times[i]));
      log.scrollTop += step;
      requestAnimationFrame(next);
    };
    requestAnimationFrame(next);
  })`) as Promise<number[]>;
}
