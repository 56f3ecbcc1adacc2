import { publicUserId } from "../lib/auth/session.ts";
import type { Identity } from "../lib/auth/tokens.ts";
import { mayKnow } from "../lib/commands/subscribe.ts";
import type { Entry } from "../lib/entrance.ts";
import { ProtocolError } from "../lib/errors.ts";
import type { ConnectionDetails } from "../lib/hub/member.ts";
import type { ReplayStart } from "../lib/hub/replay.ts";
import { invalidMessage } from "../lib/protocol/message.ts";
import type { ConnectionRequest, Server } from "../lib/server.ts";
import { checkOrigin, identityOf, sessionOf } from "./caller.ts";
import type { AppContext } from "./errors.ts";

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

/** A place in a room that a request has been given, and what it asks for there. */
export interface Admission {
  readonly session: string;
  readonly entry: Entry;
  readonly request: ConnectionRequest;
}

/**
 * Checks all of a request for a connection that can be checked, and takes its place in the room. It
 * has to be given back.
 *
 * @param lastSeen where a stream that comes back was lost, as `epoch:offset`.
 * @throws {ProtocolError} where it is refused.
 */
export async function admit(
  context: AppContext,
  server: Server,
  room: string,
  verifyClient?: VerifyClient,
  lastSeen?: string,
): Promise<Admission> {
  if (server.draining) {
    throw new ProtocolError("unavailable", "The server is restarting: come back in a second.");
  }
  checkOrigin(context, server.settings.ALLOWED_ORIGINS);
  const session = sessionOf(context);
  const asked = connectionRequest(context, server, lastSeen);
  const claimed = await verifiedUser(context, server, verifyClient);
  const identity = await identityOf(context, server) ?? claimed;
  const request = { ...asked, identity };
  await checkPolicy(server, room, identity?.userId ?? publicUserId(session), request);
  const entry = await server.entrance.enter(room, session, connectionDetails(context, server));
  return { session, entry, request };
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

function connectionRequest(
  context: AppContext,
  server: Server,
  lastSeen?: string,
): ConnectionRequest {
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
  const [, lastEpoch, lastOffset] = /^([^:]*):(\d{1,16})$/.exec(lastSeen ?? "") ?? [];
  const since = lastOffset ?? query("since");
  const history = query("history");
  let start: ReplayStart | undefined;
  if (since !== undefined) {
    start = { since: checked<number>("since", offset, since), epoch: lastEpoch ?? query("epoch") };
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
