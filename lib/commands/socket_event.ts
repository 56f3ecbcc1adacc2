import { z } from "zod";
import { ProtocolError, reportError } from "../errors.ts";
import type { Fields } from "../protocol/fields.ts";
import { invalidMessage } from "../protocol/message.ts";
import { type EventMessage, handlerSocket } from "../socket_events.ts";
import { type LocalCommand, localCommand } from "./command.ts";
import { checkSubscriptions } from "./subscribe.ts";

/**
 * A message that has an `event` in place of a type: `data:get:KEY` asks for a value of the room's
 * data, now and whenever it changes; any other goes to the handler for its name.
 */
export function socketEvent({ id: name }: Fields): LocalCommand<EventMessage> {
  return localCommand({
    type: "",
    // As it has come: its handler knows what else belongs into it.
    input: z.custom<EventMessage>(),
    async run(message, { member, room, limits, events, id }) {
      const key = events.dataKey(message.event);
      const handler = events.handler(message.event);
      if (key !== undefined) {
        const { error } = name.safeParse(key);
        if (error) throw invalidMessage(error, "event");
        const topic = `data:${key}`;
        checkSubscriptions(member, [topic], limits.maxSubscriptions);
        await room.subscribe(member, topic);
      } else if (handler) {
        try {
          await handler({ message, socket: handlerSocket(member) });
        } catch (error) {
          // It was not for the client to be told of: to answer is the handler's business.
          if (id !== undefined || error instanceof ProtocolError) throw error;
          reportError(error);
        }
      } else if (id !== undefined) {
        throw new ProtocolError("not_found", `Nobody takes the event ${message.event} here.`);
      }
    },
  });
}
