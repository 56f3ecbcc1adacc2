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

/**
 * `GET /rooms/:room/events`: a connection that only listens, as server-sent events. Each is one
 * message; those of the log have an id, from which a stream that was lost goes on.
 */
export function eventRoutes(server: Server, verifyClient?: VerifyClient): Hono<Environment> {
  return new Hono<Environment>().get("/rooms/:room/events", async (context) => {
    const room = roomName(context, server);
    const lastSeen = context.req.header("last-event-id");
    const { entry, request } = await admit(context, server, room, verifyClient, lastSeen);
    let leave = (): void => {};
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        const sink = new EventSink(controller, entry.room.epoch);
        const connection = server.connect(sink, entry, { ...request, batch: false });
        leave = () => connection.leave();
      },
      cancel: () => leave(),
    }, new ByteLengthQueuingStrategy({ highWaterMark: 0 }));
    return context.body(body, 200, {
      "Content-Type": "text/event-stream; charset=utf-8",
      "Cache-Control": "no-store",
      "X-Accel-Buffering": "no",
    });
  });
}

const encoder = new TextEncoder();

/** Sends messages as server-sent events. */
class EventSink implements Sink {
  constructor(
    readonly controller: ReadableStreamDefaultController<Uint8Array>,
    readonly epoch: string,
  ) {
    controller.enqueue(encoder.encode(`retry: ${RETRY_MS}\n\n`));
  }

  get bufferedAmount(): number {
    return -(this.controller.desiredSize ?? 0);
  }

  send(frame: string): void {
    const offset = OFFSET_AT_END.exec(frame)?.[1];
    const id = offset === undefined ? "" : `id: ${this.epoch}:${offset}\n`;
    this.controller.enqueue(encoder.encode(`${id}data: ${frame}\n\n`));
  }

  close(): void {
    this.controller.close();
  }
}
