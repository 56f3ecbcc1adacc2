import { Hono } from "hono";
import { SESSION_COOKIE } from "../lib/auth/session.ts";
import { ProtocolError } from "../lib/errors.ts";
import { CloseReasons } from "../lib/protocol/close_codes.ts";
import type { Server } from "../lib/server.ts";
import { type Admission, admit, type VerifyClient } from "./admission.ts";
import { type AppContext, type Environment, refuse } from "./errors.ts";
import { roomName } from "./room_name.ts";

/** How long an upgraded socket may take to open before its place is given away. */
const OPEN_DEADLINE_MS = 10_000;

/** `GET /websocket`, and `/`: checks all that can be checked, then upgrades. */
export function websocketRoute(
  server: Server,
  verifyClient?: VerifyClient,
): Hono<Environment> {
  const connect = async (context: AppContext): Promise<Response> => {
    if (server.draining) context.header("Retry-After", "1");
    const room = roomName(context, server);
    return upgrade(context, server, await admit(context, server, room, verifyClient));
  };
  return new Hono<Environment>()
    .get("/websocket", (context) => {
      if (isUpgrade(context)) return connect(context);
      context.header("Upgrade", "websocket");
      return refuse(context, 426, "upgrade_required", "Connect to this address by WebSocket.");
    })
    // Clients that know nothing of paths connect to the server as such.
    .get("/", (context, next) => isUpgrade(context) ? connect(context) : next());
}

function isUpgrade(context: AppContext): boolean {
  return context.req.header("upgrade")?.toLowerCase() === "websocket";
}

/**
 * The platform's side of a connection. `Deno.upgradeWebSocket` is called directly: the framework's
 * helper compares header values by their case, and answers some subprotocol lists with a 500.
 */
function upgrade(
  context: AppContext,
  server: Server,
  { session, entry, request }: Admission,
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
