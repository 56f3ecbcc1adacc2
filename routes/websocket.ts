import { Hono } from "hono";
import { publicUserId, SESSION_COOKIE } from "../lib/auth/session.ts";
import type { Identity } from "../lib/auth/tokens.ts";
import { mayKnow } from "../lib/commands/subscribe.ts";
import { ProtocolError } from "../lib/errors.ts";
import type { ConnectionDetails } from "../lib/hub/member.ts";
import type { ReplayStart } from "../lib/hub/replay.ts";
import { CloseReasons } from "../lib/protocol/close_codes.ts";
import { invalidMessage } from "../lib/protocol/message.ts";
import type { Entry } from "../lib/entrance.ts";
import type { ConnectionRequest, Server } from "../lib/server.ts";
import { checkOrigin, identityOf, sessionOf } from "./caller.ts";
import { type AppContext, type Environment, refuse } from "./errors.ts";
import { roomName } from "./room_name.ts";

/** How long an upgraded socket may take to open before its place is given away. */
const OPEN_DEADLINE_MS = 10_000;

/** A connection that is asked for, for the program that embeds the server to judge. */
export interface ClientToVerify {
  /** The user id that it claims in its URL, if any. */
  readonly userId?: string;
  /** The page that it comes from, in a browser. */
  readonly origin?: string;
  /** Whether the request has come to this process by TLS; a proxy before it may have ended that. */
  readonly secure: boolean;
  readonly req: Request;
}

/** Whether a connection may be made, and is whom it claims to be. */
export type VerifyClient = (client: ClientToVerify) => boolean | Promise<boolean>;

/** `GET /websocket`: checks all that can be checked, then upgrades. */
export function websocketRoute(
  server: Server,
  verifyClient?: VerifyClient,
): Hono<Environment> {
  return new Hono<Environment>().get("/websocket", async (context) => {
    if (context.req.header("upgrade")?.toLowerCase() !== "websocket") {
      context.header("Upgrade", "websocket");
      return refuse(context, 426, "upgrade_required", "Connect to this address by WebSocket.");
    }
    if (server.draining) {
      context.header("Retry-After", "1");
      return refuse(
        context,
        503,
        "unavailable",
        "The server is restarting: come back in a second.",
      );
    }
    checkOrigin(context, server.settings.ALLOWED_ORIGINS);
    const name = roomName(context, server);
    const session = sessionOf(context);
    const request = connectionRequest(context, server);
    const claimed = await verifiedUser(context, server, verifyClient);
    const identity = await identityOf(context, server) ?? claimed;
    await checkPolicy(server, name, identity?.userId ?? publicUserId(session), request);

    const entry = await server.entrance.enter(name, session, connectionDetails(context, server));
    return upgrade(context, server, session, entry, { ...request, identity });
  });
}

/**
 * The platform's side of a connection. `Deno.upgradeWebSocket` is called directly: the framework's
 * helper compares header values by their case, and answers some subprotocol lists with a 500.
 */
function upgrade(
  context: AppContext,
  server: Server,
  session: string,
  entry: Entry,
  request: ConnectionRequest,
): Response {
  // After the upgrade the request can no longer be read, and a throw leaves a socket that is mute.
  const protocol = context.req.header("sec-websocket-protocol")?.split(",")[0]?.trim();
  let upgraded: Deno.WebSocketUpgrade;
  try {
    upgraded = Deno.upgradeWebSocket(context.req.raw);
  } catch (error) {
    server.entrance.giveBack(entry);
    throw new ProtocolError("invalid_message", `The upgrade failed: ${(error as Error).message}`);
  }
  const { socket, response } = upgraded;
  // A client that is gone before the socket has opened is never heard of again.
  let abandoned = false;
  const neverOpened = setTimeout(() => {
    abandoned = true;
    server.entrance.giveBack(entry);
  }, OPEN_DEADLINE_MS);
  socket.addEventListener("open", () => {
    clearTimeout(neverOpened);
    const { code, reason } = CloseReasons.restarting;
    if (abandoned) return socket.close(code, reason);
    const connection = server.connect(socket, entry, request);
    socket.addEventListener("message", connection);
    // However a socket ends, even by an error, it is closed then.
    socket.addEventListener("close", connection);
  }, { once: true });
  // Headers of the context would be missing from a 101; the response's own are sent.
  const { headers } = response;
  headers.set("X-Session-Id", session);
  const maxAge = server.settings.SESSION_SECONDS;
  headers.set(
    "Set-Cookie",
    `${SESSION_COOKIE}=${session}; Max-Age=${maxAge}; Path=/; HttpOnly; Secure; SameSite=None`,
  );
  // A browser that offers subprotocols gives up unless one of them is chosen.
  if (protocol) headers.set("Sec-WebSocket-Protocol", protocol);
  return response;
}

/** Whom a connection claims to be in its URL, where that is believed. */
async function verifiedUser(
  context: AppContext,
  { fields }: Server,
  verifyClient?: VerifyClient,
): Promise<Identity | undefined> {
  const userId = context.req.query("userId") || undefined;
  if (userId !== undefined) {
    if (!verifyClient) {
      throw new ProtocolError(
        "authentication_failed",
        "This server believes no claimed userId: connect with a token, or without either.",
      );
    }
    const { error } = fields.topic.safeParse(userId);
    if (error) throw invalidMessage(error, "userId");
  }
  if (!verifyClient) return undefined;
  const { raw: req } = context.req;
  const origin = context.req.header("origin");
  const secure = new URL(req.url).protocol === "https:";
  if (!await verifyClient({ userId, origin, secure, req })) {
    throw new ProtocolError("authentication_failed", "The server does not take this connection.");
  }
  return userId === undefined ? undefined : { userId };
}

/** @throws {ProtocolError} `not_allowed` where the policy refuses the room, or what is asked of it. */
async function checkPolicy(
  { policy }: Server,
  room: string,
  userId: string,
  { topics, start }: ConnectionRequest,
): Promise<void> {
  const asker = { userId, role: "user" } as const;
  const permitted = await policy.mayEnter(asker, room) &&
    await mayKnow(policy, asker, room, topics, start !== undefined);
  if (!permitted) throw new ProtocolError("not_allowed", `You may not enter the room ${room} so.`);
}

function connectionRequest(context: AppContext, server: Server): ConnectionRequest {
  const query = (name: string): string | undefined => context.req.query(name) || undefined;
  const { topic, offset } = server.fields;
  const checked = <T>(name: string, schema: typeof topic | typeof offset, value: string): T => {
    const result = schema.safeParse(value);
    if (result.success) return result.data as T;
    throw invalidMessage(result.error, name);
  };
  const topics = (query("subscribe") ?? "").split(",").filter((text) => text !== "")
    .map((text) => checked<string>("subscribe", topic, text));
  server.checkTopics(topics);
  const since = query("since");
  const history = query("history");
  let start: ReplayStart | undefined;
  if (since !== undefined) {
    start = { since: checked<number>("since", offset, since), epoch: query("epoch") };
  } else if (history !== undefined) {
    start = { history: checked<number>("history", offset, history) };
  }
  const channelId = query("channel_id");
  return {
    channelId: channelId && checked<string>("channel_id", topic, channelId),
    batch: query("batch") === "1",
    topics,
    start,
  };
}

function connectionDetails(context: AppContext, { settings }: Server): ConnectionDetails {
  return {
    address: context.env.remoteAddress,
    region: settings.DENO_REGION,
    userAgent: context.req.header("user-agent"),
    language: context.req.header("accept-language"),
  };
}
