import { getCookie } from "hono/cookie";
import { isSessionId, newSessionId, publicUserId, SESSION_COOKIE } from "../lib/auth/session.ts";
import type { Identity } from "../lib/auth/tokens.ts";
import { ProtocolError } from "../lib/errors.ts";
import type { Asker } from "../lib/policy.ts";
import type { Server } from "../lib/server.ts";
import type { AppContext } from "./errors.ts";

/** Who makes a request. */
export interface Caller extends Asker {
  readonly session: string;
  readonly identity?: Identity;
}

/**
 * Who makes a request: the user whom its token names, or else its session's public user.
 *
 * @throws {ProtocolError} for a session or a token that does not hold, or too many requests.
 */
export async function callerOf(context: AppContext, server: Server): Promise<Caller> {
  checkOrigin(context, server.settings.ALLOWED_ORIGINS);
  const identity = await identityOf(context, server);
  const asked = sessionAsked(context);
  // Users are one for themselves. No session is called so.
  const session = asked ?? (identity ? `user/${identity.userId}` : newSessionId());
  if (!identity) context.header("X-Session-Id", session);
  const userId = identity?.userId ?? publicUserId(session);
  // A public user makes itself a new session whenever it likes.
  limitRate(server, identity ? `user ${userId}` : `address ${context.env.remoteAddress}`);
  return { session, identity, userId, role: "user" };
}

/** @throws {ProtocolError} `rate_limited` for more requests by one caller than are taken. */
export function limitRate({ requests, now }: Server, caller: string): void {
  if (requests.take(caller, now()) === "accepted") return;
  throw new ProtocolError(
    "rate_limited",
    `Nothing was applied: make at most ${requests.rate} requests a second, ${requests.burst} at once.`,
  );
}

/** Programs that are not browsers send no origin, and could send any: it protects browsers' users. */
export function checkOrigin(context: AppContext, allowed: readonly string[]): void {
  const origin = context.req.header("origin");
  if (allowed.length === 0 || origin === undefined || allowed.includes(origin)) return;
  throw new ProtocolError("not_allowed", `Pages of ${origin} may not use this server.`);
}

/** The session that a request asks for or its cookie names; else a new one. */
export function sessionOf(context: AppContext): string {
  return sessionAsked(context) ?? newSessionId();
}

function sessionAsked(context: AppContext): string | undefined {
  const asked = context.req.query("session");
  if (asked !== undefined && asked !== "") {
    if (isSessionId(asked)) return asked;
    throw new ProtocolError(
      "invalid_message",
      "session: must be 1 to 128 letters, digits or any of . _ ~ -",
      "session",
    );
  }
  const cookie = getCookie(context, SESSION_COOKIE);
  return cookie !== undefined && isSessionId(cookie) ? cookie : undefined;
}

/** Browsers cannot set headers on a WebSocket, so a token may come in the query, too. */
export async function identityOf(
  context: AppContext,
  server: Server,
): Promise<Identity | undefined> {
  const token = context.req.query("token") || tokenHeader(context);
  return token ? await verifiedToken(context, server, token) : undefined;
}

/** Who a token is for. Those that do not hold are taken only so often from one address. */
export async function verifiedToken(
  context: AppContext,
  server: Server,
  token: string,
): Promise<Identity> {
  try {
    return await server.identify(token);
  } catch (error) {
    limitRate(server, `address ${context.env.remoteAddress}`);
    throw error;
  }
}

/** The token that a request's headers carry, if any. */
export function tokenHeader(context: AppContext): string | undefined {
  return context.req.header("x-auth-token") || context.req.header("authorization");
}

/** A request's key: however often it is made with it, it takes effect once. */
export function idempotencyKey(context: AppContext): string | undefined {
  const key = context.req.header("idempotency-key");
  if (key === undefined || key.length >= 1 && key.length <= 64) return key;
  throw new ProtocolError("invalid_message", "Idempotency-Key: must be 1 to 64 characters.");
}
