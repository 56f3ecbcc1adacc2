import { z } from "zod";
import type { Command } from "./command.ts";

/** What the server says, and when; their shapes are the client's `Events`. */
const SAID = {
  connection: "Who and where the connection is: first of all, and when that changes.",
  config: "The room's configuration: on connecting, and when it changes.",
  profile: "The session's own profile: on connecting, when asked for, and when it changes.",
  ack: "The answer to a message with an id, once its effect is committed.",
  error: "Why a message had no effect.",
  chat: "What somebody has said.",
  poll: "How many have given each answer of a poll.",
  ephemeralPoll: "The same of a poll whose votes go with their voters.",
  counter: "A counter's value, a decimal as text.",
  presence: "Who is in the room.",
  signal: "What is worthless a second later.",
  walker: "The answer of a function that was called as a walker.",
  STATUS_CHANGE: "A user's status, when it changes.",
  "new-message": "A direct message to or from the user; and update-message, delete-message.",
  ping: "That the server lives; it wants no answer.",
  pong: "The answer to a ping.",
  draining: "That the server is about to restart, and when to come back.",
};

/** What a message may have beside what its type asks for. */
const ENVELOPE = {
  id: { type: ["string", "number"], description: "Answered with, once." },
  key: { type: "string", maxLength: 64, description: "Makes it take effect once." },
};

/** The server's messages as an AsyncAPI 3.0 document, from the list of commands. */
export function asyncApi(commands: readonly Command[], version: string): object {
  const sent = commands.map((command) => [command.type, sentMessage(command)]);
  const said = Object.entries(SAID).map(([type, summary]) => [`said-${type}`, {
    name: type,
    summary,
    payload: { type: "object", properties: { type: { const: type } }, required: ["type"] },
  }]);
  const messages = Object.fromEntries([...sent, ...said]);
  const refs = (names: readonly string[]) => {
    return names.map((name) => ({ $ref: `#/channels/room/messages/${name}` }));
  };
  return {
    asyncapi: "3.0.0",
    info: { title: "Tallyroom", version, description: "Rooms over plain WebSockets." },
    defaultContentType: "application/json",
    channels: {
      room: {
        address: "/websocket?room={room}",
        parameters: { room: { description: "The room's name.", default: "default" } },
        messages,
      },
    },
    operations: {
      send: {
        action: "send",
        channel: { $ref: "#/channels/room" },
        messages: refs(commands.map(({ type }) => type)),
      },
      receive: {
        action: "receive",
        channel: { $ref: "#/channels/room" },
        messages: refs(Object.keys(SAID).map((type) => `said-${type}`)),
      },
    },
  };
}

function sentMessage({ type, admin = false, input }: Command): object {
  // What JSON Schema cannot say (any JSON value, sizes in bytes) it leaves open.
  const schema = z.toJSONSchema(input, { io: "input", unrepresentable: "any" });
  const { $schema: _dialect, properties = {}, required = [] } = schema;
  return {
    name: type,
    summary: admin ? "From admins only." : undefined,
    "x-admin": admin,
    payload: {
      type: "object",
      properties: { type: { const: type }, ...properties, ...ENVELOPE },
      required: ["type", ...required],
    },
  };
}
