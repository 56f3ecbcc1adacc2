import { RawSocket } from "./raw_socket.ts";

/** A connection to a room that knows which isolate holds it. */
export interface Member {
  readonly socket: RawSocket;
  /** The isolate's name for itself. */
  readonly instance: string;
}

const decoder = new TextDecoder();

/** Joins a room and subscribes to its chat; `onChat` is told each message, which is a number. */
export async function join(
  port: number,
  room: string,
  onChat: (message: number) => void = () => {},
): Promise<Member> {
  const { promise: instance, resolve } = Promise.withResolvers<string>();
  const path = `/websocket?room=${room}&subscribe=chat`;
  const socket = await RawSocket.connect(port, path, (payload) => {
    const { type, data } = JSON.parse(decoder.decode(payload));
    if (type === "chat") onChat(data.message);
    else if (type === "connection") resolve(data.instance);
  });
  return { socket, instance: await instance };
}
