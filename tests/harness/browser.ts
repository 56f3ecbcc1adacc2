import { assertEquals } from "@std/assert";
import { existsSync } from "node:fs";
import { type Browser, type BrowserContext, launch, type Page } from "puppeteer-core";
import { findProgram } from "./optional.ts";
import { startServer, type TestServer } from "./server.ts";

/** Chromium's program, where there is one. */
export const chromium = await findProgram("Chromium", [
  Deno.env.get("CHROMIUM"),
  "chromium",
  "/usr/bin/chromium",
  "chromium-browser",
  "google-chrome",
]);

/** How long a page may take for what should come at once. */
export const WAIT_MS = 15_000;
/** What a page would run if it took a text for HTML. */
export const MARKUP = '<img src=x onerror="window.pwned=1">';

export interface Look {
  readonly timezone?: string;
  readonly width?: number;
  readonly scheme?: "light" | "dark";
  /** In place of a context of its own, which is as good as another browser. */
  readonly context?: BrowserContext;
}

/** How the pages of a test are opened. */
export interface Opening {
  /** Waits until a page is connected. */
  ready(page: Page): Promise<void>;
  /** Runs in each page before its own scripts. */
  readonly script?: string;
}

/** A browser, its windows, and everything that went wrong in them. */
export class Windows implements AsyncDisposable {
  readonly faults: string[] = [];

  private constructor(
    readonly browser: Browser,
    readonly url: string,
    readonly profile: string,
    readonly opening: Opening,
  ) {}

  static async start(url: string, opening: Opening): Promise<Windows> {
    const profile = await Deno.makeTempDir();
    const browser = await launchChromium(profile);
    return new Windows(browser, url, profile, opening);
  }

  /** Opens a page, and waits until it is connected. */
  async open(path: string, look: Look = {}): Promise<Page> {
    const page = await (look.context ?? await this.browser.createBrowserContext()).newPage();
    page.on("pageerror", (error) => this.faults.push(`${path}: ${error}`));
    page.on("console", (message) => {
      // Violations of the Content-Security-Policy and what cannot be loaded come here, too.
      if (message.type() === "error") this.faults.push(`${path}: ${message.text()}`);
    });
    await page.setViewport({ width: look.width ?? 1100, height: 750 });
    await page.emulateTimezone(look.timezone ?? "Europe/Berlin");
    const scheme = look.scheme ?? "light";
    await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
    if (this.opening.script) await page.evaluateOnNewDocument(this.opening.script);
    await page.goto(new URL(path, this.url).href);
    await this.opening.ready(page);
    return page;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.browser.close();
    await Deno.remove(this.profile, { recursive: true });
  }
}

/** Starts a browser, which keeps what it knows in the folder `userDataDir`. */
export function launchChromium(userDataDir: string): Promise<Browser> {
  return launch({
    executablePath: fullPath(chromium!),
    userDataDir,
    protocolTimeout: 2 * WAIT_MS,
    args: [
      "--headless",
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
}

/** The driver does not look for a program in the PATH. */
function fullPath(program: string): string {
  const folders = program.includes("/") ? [] : (Deno.env.get("PATH") ?? "").split(":");
  return folders.map((folder) => `${folder}/${program}`).find((path) => existsSync(path)) ??
    program;
}

/**
 * Makes a function for tests of a subject. Each is one in a browser of its own, and fails with
 * whatever the pages have complained of.
 */
export function browserTests(
  subject: string,
  opening: Opening,
): (name: string, test: (windows: Windows, server: TestServer) => Promise<void>) => void {
  return (name, test) =>
    Deno.test({
      name: `${subject}: ${name}`,
      ignore: chromium === undefined,
      fn: async () => {
        await using server = await startServer();
        await using windows = await Windows.start(server.url, opening);
        await test(windows, server);
        assertEquals(windows.faults, []);
      },
    });
}

/**
 * Waits until an expression is true in the page.
 *
 * @param polling when it is looked at: whenever the document changes, which what is in shadow roots
 * is no part of, or before each frame.
 */
export async function until(
  page: Page,
  expression: string,
  polling: "mutation" | "raf" = "mutation",
): Promise<void> {
  try {
    await page.waitForFunction(expression, { polling, timeout: WAIT_MS });
  } catch (error) {
    const text = await page.evaluate("document.querySelector('main')?.innerText");
    throw new Error(`Never came true: ${expression}\nThe page shows: ${text}`, { cause: error });
  }
}

/** The texts of all that a selector finds. */
export function texts(page: Page, selector: string): Promise<string[]> {
  return page.$$eval(selector, (found) => found.map(({ textContent }) => textContent ?? ""));
}
