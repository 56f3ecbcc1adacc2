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
  ["/inspect", "inspect.html", "text/html"],
  ["/widgets", "widgets.html", "text/html"],
  ["/assets/widgets_page.js", "widgets_page.js", "text/javascript"],
  ["/assets/style.css", "style.css", "text/css"],
  ["/assets/room.js", "room.js", "text/javascript"],
  ["/assets/session.js", "session.js", "text/javascript"],
  ["/assets/page.js", "page.js", "text/javascript"],
  ["/assets/index.js", "index.js", "text/javascript"],
  ["/assets/chat.js", "chat.js", "text/javascript"],
  ["/assets/voting.js", "voting.js", "text/javascript"],
  ["/assets/livemap.js", "livemap.js", "text/javascript"],
  ["/assets/places.js", "places.js", "text/javascript"],
  ["/assets/inspect.css", "inspect.css", "text/css"],
  ["/assets/inspect.js", "inspect.js", "text/javascript"],
  ["/assets/inspect_admin.js", "inspect_admin.js", "text/javascript"],
  ["/assets/inspect_data.js", "inspect_data.js", "text/javascript"],
  ["/assets/inspect_dom.js", "inspect_dom.js", "text/javascript"],
  ["/assets/inspect_field.js", "inspect_field.js", "text/javascript"],
  ["/assets/inspect_list.js", "inspect_list.js", "text/javascript"],
  ["/assets/inspect_log.js", "inspect_log.js", "text/javascript"],
  ["/assets/inspect_members.js", "inspect_members.js", "text/javascript"],
  ["/assets/inspect_pretty.js", "inspect_pretty.js", "text/javascript"],
  ["/assets/inspect_recording.js", "inspect_recording.js", "text/javascript"],
  ["/assets/inspect_send.js", "inspect_send.js", "text/javascript"],
  ["/assets/inspect_sha256.js", "inspect_sha256.js", "text/javascript"],
  ["/assets/inspect_tallies.js", "inspect_tallies.js", "text/javascript"],
  ["/assets/inspect_units.js", "inspect_units.js", "text/javascript"],
  ["/assets/inspect_watch.js", "inspect_watch.js", "text/javascript"],
  ["/assets/inspect_wire.js", "inspect_wire.js", "text/javascript"],
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
