import { Hono } from "hono";
import type { Sink } from "../lib/hub/outbox.ts";
import type { Server } from "../lib/server.ts";
import { admit, type VerifyClient } from "./admission.ts";
import type { Environment } from "./errors.ts";
import { roomName } from "./room_name.ts";

/** How soon a stream that was lost is to come back, in milliseconds. */
const RETRY_MS = 2000;
/** Where a log event's message tells its offset: nothing else ends so. */
const OFFSET_AT_END = /,"offset":"(\d+)"\}$/;

/** What reaches everyone in a room, and so belongs to what a stream goes on with. */
const FOR_EVERYONE = ["broadcast", "config"];

/**
 * `GET /rooms/:room/events`: a connection that only listens, as server-sent events. Each is one
 * message; those of the log have an id, from which a stream that was lost goes on.
 */
export function eventRoutes(server: Server, verifyClient?: VerifyClient): Hono<Environment> {
  return new Hono<Environment>().get("/rooms/:room/events", async (context) => {
    const name = roomName(context, server);
    context.header("Content-Type", "text/event-stream; charset=utf-8");
    context.header("Cache-Control", "no-store");
    context.header("X-Accel-Buffering", "no");
    // Who asks for the head alone reads no stream, and would never be seen to leave it.
    if (context.req.method === "HEAD") return context.body(null);
    const lastSeen = context.req.header("last-event-id");
    const { entry, request } = await admit(context, server, name, verifyClient, lastSeen);
    const { start } = request;
    const topics = start ? [...new Set([...request.topics, ...FOR_EVERYONE])] : request.topics;
    const since = start === undefined
      ? entry.room.cursor
      : "since" in start
      ? start.since
      : undefined;
    let leave = (): void => {};
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        const sink = new EventSink(controller, entry.room.epoch, since);
        const connection = server.connect(sink, entry, { ...request, topics, batch: false });
        leave = () => connection.leave();
      },
      cancel: () => leave(),
    }, new ByteLengthQueuingStrategy({ highWaterMark: 0 }));
    return context.body(body);
  });
}

const encoder = new TextEncoder();

/** Sends messages as server-sent events. */
class EventSink implements Sink {
  /** @param since where in the log the stream begins, if that is known. */
  constructor(
    readonly controller: ReadableStreamDefaultController<Uint8Array>,
    readonly epoch: string,
    since: number | undefined,
  ) {
    this.#write(RETRY_MS, since, undefined);
  }

  get bufferedAmount(): number {
    return -(this.controller.desiredSize ?? 0);
  }

  send(frame: string): void {
    this.#write(retryOf(frame), OFFSET_AT_END.exec(frame)?.[1], frame);
  }

  close(): void {
    this.controller.close();
  }

  #write(retryMs: number | undefined, offset: number | string | undefined, data?: string): void {
    const fields = [
      retryMs === undefined ? "" : `retry: ${retryMs}\n`,
      offset === undefined ? "" : `id: ${this.epoch}:${offset}\n`,
      data === undefined ? "" : `data: ${data}\n`,
    ];
    this.controller.enqueue(encoder.encode(`${fields.join("")}\n`));
  }
}

/** When a message asks to come back, in milliseconds. */
function retryOf(frame: string): number | undefined {
  return frame.startsWith('{"type":"draining"') ? JSON.parse(frame).data.retry_ms : undefined;
}
