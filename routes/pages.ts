import { Hono } from "hono";
import { etag } from "hono/etag";
import type { Environment } from "./errors.ts";

/** Each page and asset: where it is served, its file beside this one, and what it is. */
const FILES: readonly (readonly [path: string, file: string, type: string])[] = [
  ["/", "index.html", "text/html"],
  ["/chat", "chat.html", "text/html"],
  ["/poll", "poll.html", "text/html"],
  ["/ephemeral", "ephemeral.html", "text/html"],
  ["/livemap", "livemap.html", "text/html"],
  ["/assets/style.css", "style.css", "text/css"],
  ["/assets/room.js", "room.js", "text/javascript"],
  ["/assets/session.js", "session.js", "text/javascript"],
  ["/assets/page.js", "page.js", "text/javascript"],
  ["/assets/index.js", "index.js", "text/javascript"],
  ["/assets/chat.js", "chat.js", "text/javascript"],
  ["/assets/voting.js", "voting.js", "text/javascript"],
  ["/assets/livemap.js", "livemap.js", "text/javascript"],
  ["/assets/places.js", "places.js", "text/javascript"],
  ["/assets/world.svg", "world.svg", "image/svg+xml"],
  ["/assets/icon.svg", "icon.svg", "image/svg+xml"],
];

/** Nothing from elsewhere, and nothing inline: what others write into a page cannot run there. */
const CONTENT_SECURITY_POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; " +
  "connect-src 'self' ws: wss:; base-uri 'none'; form-action 'none'; frame-ancestors 'self'";

/** The landing page and the demos. */
export function pageRoutes(): Hono<Environment> {
  const pages = new Hono<Environment>();
  for (const [path, file, type] of FILES) {
    let content: Promise<string> | undefined;
    pages.get(path, etag(), async (context) => {
      content ??= Deno.readTextFile(new URL(`./pages/${file}`, import.meta.url));
      return context.body(await content, 200, {
        "Content-Type": `${type}; charset=utf-8`,
        "Cache-Control": "no-cache",
        "Content-Security-Policy": CONTENT_SECURITY_POLICY,
        "X-Content-Type-Options": "nosniff",
      });
    });
  }
  return pages;
}
