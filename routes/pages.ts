import { Hono } from "hono";
import { etag } from "hono/etag";
import type { Environment } from "./errors.ts";

/** Each page: where it is served, and its file. */
const PAGES: readonly (readonly [path: string, file: string])[] = [
  ["/", "index.html"],
  ["/chat", "chat.html"],
  ["/poll", "poll.html"],
  ["/ephemeral", "ephemeral.html"],
  ["/livemap", "livemap.html"],
  ["/inspect", "inspect.html"],
  ["/widgets", "widgets.html"],
];

/** What the pages are made of, served under `/assets/`. */
const ASSETS = `
chat.js
connect.js
copy.js
icon.svg
index.js
inspect.css
inspect.js
inspect_admin.js
inspect_data.js
inspect_dom.js
inspect_field.js
inspect_list.js
inspect_log.js
inspect_members.js
inspect_pretty.js
inspect_recording.js
inspect_send.js
inspect_sha256.js
inspect_tallies.js
inspect_units.js
inspect_watch.js
inspect_wire.js
livemap.js
page.js
places.js
poll.js
session.js
style.css
widgets_page.js
world.svg
`.trim().split("\n");

const TYPES: { readonly [ending: string]: string } = {
  css: "text/css",
  html: "text/html",
  js: "text/javascript",
  svg: "image/svg+xml",
};

/** Nothing from elsewhere, and nothing inline: what others write into a page cannot run there. */
const CONTENT_SECURITY_POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; " +
  "connect-src 'self' ws: wss:; base-uri 'none'; form-action 'none'; frame-ancestors 'self'";

/** The landing page, the demos and the inspector. */
export function pageRoutes(): Hono<Environment> {
  const pages = new Hono<Environment>();
  for (const [path, file] of PAGES) serve(pages, path, file, () => readPage(path, file));
  for (const file of ASSETS) serve(pages, `/assets/${file}`, file, () => read(file));
  return pages;
}

function serve(
  pages: Hono<Environment>,
  path: string,
  file: string,
  load: () => Promise<string>,
): void {
  const type = TYPES[file.split(".").at(-1)!];
  let content: Promise<string> | undefined;
  pages.get(path, etag(), async (context) => {
    return context.body(await (content ??= load()), 200, {
      "Content-Type": `${type}; charset=utf-8`,
      "Cache-Control": "no-cache",
      "Content-Security-Policy": CONTENT_SECURITY_POLICY,
      "X-Content-Type-Options": "nosniff",
    });
  });
}

/** A page with the head and the header that all of them have; the link to itself says so. */
async function readPage(path: string, file: string): Promise<string> {
  const [page, head, header] = await Promise.all([file, "head.html", "header.html"].map(read));
  const link = `href="${path}"`;
  return page!
    .replace("<!-- head -->", head!)
    .replace("<!-- header -->", header!.replace(link, `${link} aria-current="page"`));
}

function read(file: string): Promise<string> {
  return Deno.readTextFile(new URL(`./pages/${file}`, import.meta.url));
}
