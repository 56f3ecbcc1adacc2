import { Hono } from "hono";
import { z } from "zod";
import type { Identity } from "../lib/auth/tokens.ts";
import {
  inboxKey,
  shownId,
  type Thread,
  threadBetween,
  threadKey,
  topicThread,
} from "../lib/direct/conversation.ts";
import type { Page, Permit } from "../lib/direct/direct_messages.ts";
import type { Content, Edit } from "../lib/direct/message.ts";
import { shownEntry, shownMessage, timestamp } from "../lib/direct/message.ts";
import { ProtocolError } from "../lib/errors.ts";
import { fitsBytes, isJsonObject, type Json } from "../lib/protocol/json.ts";
import { invalidMessage } from "../lib/protocol/message.ts";
import type { Server } from "../lib/server.ts";
import { jsonBody } from "./body.ts";
import { checkOrigin, idempotencyKey, limitRate, tokenHeader, verifiedToken } from "./caller.ts";
import { DirectError, handleDirectError } from "./direct_errors.ts";
import type { AppContext, Environment } from "./errors.ts";
import { wholeNumber } from "./query.ts";

/** How many entries a page may have, and how far back it may be. */
const MAX_PER_PAGE = 100;
const MAX_REACH = 1_000_000;

/** Messages between users and on topics, under `/api`. */
export function directRoutes(server: Server): Hono<Environment> {
  const { direct, people, policy } = server;
  const domain = server.settings.DOMAIN_HANDLE;
  const shapes = createShapes(server);
  const target = "/:target/:target_id";
  const one = `${target}/:message_id`;

  return new Hono<Environment>()
    .get("/", async (context) => {
      const identity = await identityOf(context, server);
      const message = "Messages between users, and on topics";
      return context.json({ authenticated: identity !== undefined, message, success: true });
    })
    .get("/list", async (context) => {
      const { userId } = await userOf(context, server);
      const page = pageOf(context);
      const asker = { userId, role: "user" } as const;
      const permit: Permit = (conversation) => policy.mayConverse(asker, conversation);
      const { entries, total } = await direct.inbox(userId, page, permit);
      const users = entries.filter(({ kind }) => kind === "user").map(({ id }) => id);
      const found = await people.find(users);
      return context.json({
        state: { key: `${domain}:inbox:${userId}`, ...paging(page, total) },
        entries: entries.map(({ kind, id, latest }) => ({
          type: kind,
          id: shownId(id),
          latest: shownEntry(latest),
          timestamp: timestamp(latest.at),
          [kind]: kind === "user" ? found.get(id) : { id: shownId(id) },
        })),
      });
    })
    .get(target, async (context) => {
      const { thread } = await threadOf(context, server);
      const page = pageOf(context);
      const { messages, total } = await direct.history(thread, page);
      const authors = await people.find(messages.map(({ author }) => author));
      return context.json({
        state: { key: threadKey(domain, thread), ...paging(page, total) },
        messages: messages.map((message) => shownMessage(message, authors.get(message.author))),
      });
    })
    .post(target, async (context) => {
      const { user, thread, state } = await threadOf(context, server);
      const content = contentOf(await objectBody(context, server), shapes);
      const key = idempotencyKey(context);
      const action = { kind: "send", content } as const;
      const size = "text" in content ? content.text.length : content.image.length;
      const entry = await direct.act({ thread, user, action, key, size });
      return context.json({ state, entry: shownEntry(entry) }, 201);
    })
    .post(one, async (context) => {
      const { user, thread, state } = await threadOf(context, server);
      const id = context.req.param("message_id");
      const edit = checked(shapes.edit, await objectBody(context, server));
      const size = (edit.text ?? edit.image ?? "").length;
      const entry = await direct.act({ thread, user, action: { kind: "edit", id, edit }, size });
      return context.json({ state, entry: shownEntry(entry) });
    })
    .delete(one, async (context) => {
      const { user, thread, state } = await threadOf(context, server);
      const id = context.req.param("message_id");
      await direct.act({ thread, user, action: { kind: "delete", id }, size: 0 });
      return context.json({ state, message: "Message deleted", success: "true" });
    })
    .all("*", (context) => {
      throw new DirectError("NOT_FOUND", `There is no ${context.req.path} here.`);
    })
    .onError(handleDirectError);
}

/** Who the request's token is for, if it has one. */
async function identityOf(context: AppContext, server: Server): Promise<Identity | undefined> {
  checkOrigin(context, server.settings.ALLOWED_ORIGINS);
  const token = tokenHeader(context);
  if (!token) return undefined;
  const identity = await verifiedToken(context, server, token);
  limitRate(server, `user ${identity.userId}`);
  await server.people.note(identity);
  return identity;
}

async function userOf(context: AppContext, server: Server): Promise<Identity> {
  const identity = await identityOf(context, server);
  if (identity) return identity;
  throw new DirectError("NOT_AUTHENTICATED", "You are not authenticated: send a token.");
}

/** The thread that a request is about, and what it is called. */
async function threadOf(
  context: AppContext,
  server: Server,
): Promise<{ user: string; thread: Thread; state: { key: string; inbox_key: string } }> {
  const { userId: user } = await userOf(context, server);
  const kind = context.req.param("target");
  if (kind !== "user" && kind !== "topic") {
    throw new DirectError("MESSAGES_INVALID_TARGET", `Invalid target ${JSON.stringify(kind)}`);
  }
  const result = server.fields.topic.safeParse(context.req.param("target_id"));
  if (!result.success) throw invalidMessage(result.error, "target_id");
  const id = result.data;
  if (!await server.policy.mayConverse({ userId: user, role: "user" }, { kind, id })) {
    throw new ProtocolError("not_allowed", `You may not converse with the ${kind} ${id}.`);
  }
  const thread = kind === "user" ? threadBetween(user, id) : topicThread(id);
  const key = threadKey(server.settings.DOMAIN_HANDLE, thread);
  return { user, thread, state: { key, inbox_key: inboxKey(thread, user) } };
}

async function objectBody(context: AppContext, server: Server): Promise<{ [name: string]: Json }> {
  const body = await jsonBody(context, server);
  if (isJsonObject(body)) return body;
  throw new ProtocolError("invalid_message", "The body: must be a JSON object.", "");
}

/** The shapes of what is sent. */
interface Shapes {
  readonly content: { readonly [type in Content["type"]]: z.ZodType<Content> };
  readonly edit: z.ZodType<Edit>;
}

function createShapes({ settings }: Server): Shapes {
  const limit = settings.MAX_DIRECT_MESSAGE_BYTES;
  const short = (value: string): boolean => fitsBytes(value, limit);
  const tooLong = `must be at most ${limit} bytes`;
  const text = z.string("must be text").min(1, "must not be empty").refine(short, tooLong);
  const image = z.string("must be a URL").refine(short, tooLong)
    .refine(isWebAddress, "must be a URL");
  const status = z.literal("seen", 'must be "seen"');
  return {
    content: {
      text: z.object({ type: z.literal("text"), text }),
      image: z.object({ type: z.literal("image"), image }),
    },
    edit: z.object({ text, image, status }).partial(),
  };
}

function contentOf(body: { [name: string]: Json }, { content }: Shapes): Content {
  const { type } = body;
  if (type === "text" || type === "image") return checked(content[type], body);
  throw new DirectError("MESSAGES_INVALID_TYPE", `Invalid type ${JSON.stringify(type ?? null)}`);
}

function isWebAddress(text: string): boolean {
  return /^https?:\/\//i.test(text) && URL.canParse(text);
}

function checked<T>(schema: z.ZodType<T>, value: unknown): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw invalidMessage(result.error, "The body");
}

function pageOf(context: AppContext): Page {
  const number = (name: string, max: number): number | undefined => {
    return wholeNumber(context, name, { min: 1, max, digits: 9 });
  };
  const perPage = number("per_page", MAX_PER_PAGE) ?? number("limit", MAX_PER_PAGE) ?? 10;
  return { page: number("page", MAX_REACH / perPage | 0) ?? 1, perPage };
}

function paging({ page, perPage: per_page }: Page, total: number): Record<string, number> {
  return { page, per_page, total, total_pages: Math.max(1, Math.ceil(total / per_page)) };
}
