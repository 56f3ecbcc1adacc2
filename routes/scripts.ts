import { Hono } from "hono";
import { cors } from "hono/cors";
import { etag } from "hono/etag";
import { ProtocolError } from "../lib/errors.ts";
import type { Environment } from "./errors.ts";

/** What pages of any site load from here, as `deno task build` has left it. */
const FILES: readonly (readonly [path: string, type: string])[] = [
  ["/client.js", "text/javascript"],
  ["/client.d.ts", "text/typescript"],
  ["/react.js", "text/javascript"],
  ["/react.d.ts", "text/typescript"],
  ["/widgets.js", "text/javascript"],
];

/** How long a copy may be used without asking, and after that while asking, in seconds. */
const CACHE_CONTROL = "public, max-age=300, stale-while-revalidate=86400";

/** The client and the widgets, for pages of any site. */
export function scriptRoutes(): Hono<Environment> {
  const scripts = new Hono<Environment>();
  for (const [path, type] of FILES) {
    let content: Promise<string> | undefined;
    scripts.get(path, cors(), etag(), async (context) => {
      content ??= read(path).catch((error) => {
        content = undefined;
        throw error;
      });
      return context.body(await content, 200, {
        "Content-Type": `${type}; charset=utf-8`,
        "Cache-Control": CACHE_CONTROL,
        "Cross-Origin-Resource-Policy": "cross-origin",
        "X-Content-Type-Options": "nosniff",
      });
    });
  }
  return scripts;
}

async function read(path: string): Promise<string> {
  try {
    return await Deno.readTextFile(new URL(`../dist${path}`, import.meta.url));
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new ProtocolError("not_found", `${path} has not been built: run deno task build.`);
  }
}
