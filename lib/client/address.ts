import type { ClientOptions } from "./api.ts";

/** The room that a client connects to. */
export function roomOf({ endPoint, room }: ClientOptions): string {
  return room ?? (new URL(endPoint).searchParams.get("room") || "default");
}

/** The address of the server's WebSocket, with what the connection asks for. */
export function addressOf(
  options: ClientOptions,
  session: string,
  token: string | undefined,
): string {
  const url = new URL(options.endPoint);
  url.protocol = url.protocol.replace("http", "ws");
  if (url.pathname === "/") url.pathname = "/websocket";
  const query: Record<string, string | undefined> = {
    room: roomOf(options),
    session,
    userId: options.userId?.toString(),
    channel_id: options.channelId,
    token,
    batch: "1",
  };
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined) url.searchParams.set(name, value);
  }
  return url.href;
}
