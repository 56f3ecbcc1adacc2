/**
 * A WebSocket client over a bare TCP connection, for load that costs little itself: frames are
 * told apart by their first bytes, and nothing is decoded.
 */

const encoder = new TextEncoder();

/** The kinds of frames that matter here. A server gives up on those that leave a ping unanswered. */
const TEXT = 1;
const PING = 9;
const PONG = 10;

/** Called for each text frame with its payload, which is only valid during the call. */
export type OnFrame = (payload: Uint8Array) => void;

export class RawSocket {
  readonly #connection: Deno.TcpConn;
  #writing: Promise<unknown> = Promise.resolve();

  private constructor(connection: Deno.TcpConn) {
    this.#connection = connection;
  }

  /**
   * Connects, and resolves once the upgrade has succeeded. Frames are read from then on, each time
   * as many as there are by when `gathered` resolves.
   */
  static async connect(
    port: number,
    path: string,
    onFrame: OnFrame,
    gathered?: () => Promise<void>,
  ): Promise<RawSocket> {
    const connection = await Deno.connect({ hostname: "127.0.0.1", port });
    connection.setNoDelay(true);
    const request = [
      `GET ${path} HTTP/1.1`,
      `Host: 127.0.0.1:${port}`,
      "Upgrade: websocket",
      "Connection: Upgrade",
      "Sec-WebSocket-Version: 13",
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    ];
    await connection.write(encoder.encode(`${request.join("\r\n")}\r\n\r\n`));
    const socket = new RawSocket(connection);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    socket.#read(onFrame, resolve, gathered).catch(reject);
    await promise;
    return socket;
  }

  /** Sends text frames in one write. */
  send(...texts: string[]): void {
    const frames = texts.map((text) => frame(TEXT, encoder.encode(text)));
    this.#write(frames.length === 1 ? frames[0]! : concat(frames));
  }

  close(): void {
    try {
      this.#connection.close();
    } catch {
      // Closed by the other side.
    }
  }

  #write(bytes: Uint8Array): void {
    this.#writing = this.#writing.then(() => writeAll(this.#connection, bytes)).catch(() => {});
  }

  async #read(
    onFrame: OnFrame,
    onUpgraded: () => void,
    gathered?: () => Promise<void>,
  ): Promise<void> {
    const onPing: OnFrame = (payload) => this.#write(frame(PONG, payload));
    let buffer = new Uint8Array(65_536);
    let length = 0;
    let upgraded = false;
    while (true) {
      if (length === buffer.length) buffer = concat([buffer, new Uint8Array(buffer.length)]);
      if (upgraded && gathered) await gathered();
      const count = await this.#connection.read(buffer.subarray(length)).catch(() => null);
      if (count === null) throw new Error("The connection has ended");
      length += count;
      let start = 0;
      if (!upgraded) {
        const head = new TextDecoder().decode(buffer.subarray(0, length));
        const end = head.indexOf("\r\n\r\n");
        if (end === -1) continue;
        if (!head.startsWith("HTTP/1.1 101")) {
          throw new Error(`Not upgraded: ${head.slice(0, 200)}`);
        }
        upgraded = true;
        start = end + 4;
        onUpgraded();
      }
      start += eachFrame(buffer.subarray(start, length), onFrame, onPing);
      buffer.copyWithin(0, start, length);
      length -= start;
    }
  }
}

/**
 * Calls `onFrame` for each whole text frame in `bytes`, and `onPing` for each ping.
 *
 * @returns how many bytes the frames took.
 */
function eachFrame(bytes: Uint8Array, onFrame: OnFrame, onPing: OnFrame): number {
  let at = 0;
  while (bytes.length - at >= 2) {
    let size = bytes[at + 1]! & 0x7f;
    let head = 2;
    if (size === 126) {
      if (bytes.length - at < 4) break;
      size = bytes[at + 2]! << 8 | bytes[at + 3]!;
      head = 4;
    } else if (size === 127) {
      if (bytes.length - at < 10) break;
      size = Number(new DataView(bytes.buffer, bytes.byteOffset + at + 2).getBigUint64(0));
      head = 10;
    }
    if (bytes.length - at < head + size) break;
    const payload = bytes.subarray(at + head, at + head + size);
    const opcode = bytes[at]! & 0x0f;
    if (opcode === TEXT) onFrame(payload);
    else if (opcode === PING) onPing(payload);
    at += head + size;
  }
  return at;
}

/** A masked frame. The mask is zero, which leaves the payload as it is. */
function frame(opcode: number, payload: Uint8Array): Uint8Array {
  const extended = payload.length > 125 ? 2 : 0;
  const bytes = new Uint8Array(6 + extended + payload.length);
  bytes[0] = 0x80 | opcode;
  if (extended) {
    bytes[1] = 0x80 | 126;
    bytes[2] = payload.length >> 8;
    bytes[3] = payload.length & 0xff;
  } else {
    bytes[1] = 0x80 | payload.length;
  }
  bytes.set(payload, 6 + extended);
  return bytes;
}

async function writeAll(connection: Deno.TcpConn, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await connection.write(bytes.subarray(at));
}

function concat(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
