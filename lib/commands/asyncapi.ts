import { z } from "zod";
import { isJsonObject, type Json } from "../protocol/json.ts";
import type { Command } from "./command.ts";

type JsonObject = { [name: string]: Json };

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

/** What the document tells of a type beside what its schema does. */
interface Sent {
  readonly summary: string;
  /** Messages that the server takes, without their type, by what they do. */
  readonly examples: { readonly [name: string]: JsonObject };
  /** What JSON Schema can say, and the schema says in code; added to the payload's. */
  readonly payload?: JsonObject;
}

const ACTION: JsonObject = {
  type: "chat",
  data: { any_field: "any_value" },
};
const DECIMAL = "^[+\\-]?(\\d+\\.?\\d*|\\.\\d+)([eE][+\\-]?\\d{1,6})?$";
const OFFSET: JsonObject = {
  anyOf: [{ type: "integer", minimum: 0 }, { type: "string", pattern: "^\\d{1,16}$" }],
};
const VOTE: JsonObject = {
  properties: {
    data: {
      properties: {
        id: { description: "The poll; it comes to be by being voted in." },
        answer: { description: "Another answer moves the vote." },
      },
    },
  },
};

/** By type. What is missing here is in the document all the same, with less to read. */
const SENT: { readonly [type: string]: Sent } = {
  authenticate: {
    summary: "Makes the connection an admin's.",
    examples: { "Sign in": { data: { ts: "1631756233699", key: "0".repeat(64) } } },
    payload: {
      properties: {
        data: {
          properties: {
            ts: { description: "The time in milliseconds since 1970, five minutes off at most." },
            key: { description: "SHA-256, in hexadecimal, of room, time and signing key." },
          },
        },
      },
    },
  },
  broadcast: {
    summary: "Sends a message of any type to the room.",
    examples: {
      "To everyone": { data: { type: "whatsup", data: [1, 2, "abc"] } },
      "To subscribers": { data: { to: "chat", type: "notice", data: "Be kind" } },
      "Without a type of its own": { data: "Hello, everyone" },
    },
  },
  call: {
    summary: "Calls a function on the server; the ack is its answer.",
    examples: {
      "Statistics": { data: { type: "GET_STATS" } },
      "A move": { data: { type: "tic-tac-toe", game: "final", cell: 4 } },
      "A reaction": { data: { type: "reactions", emoji: "👍" } },
    },
    payload: {
      properties: {
        data: {
          description: "The function's input, beside its name.",
          properties: { type: { type: "string", minLength: 1, description: "The function." } },
          required: ["type"],
          additionalProperties: true,
        },
      },
    },
  },
  change_user: {
    summary: "Makes the connection another user's; without a token, a public user's.",
    examples: { "Sign out": {} },
    payload: { properties: { token: { description: "A JSON Web Token." } } },
  },
  channel: {
    summary: "Sends a message to all connections in channels.",
    examples: { "To a channel": { channel_ids: ["lobby"], data: ACTION } },
  },
  chat: {
    summary: "Says something to all who have subscribed to chat.",
    examples: {
      "A text": { data: "Chat message goes here :)" },
      "Any other value": { data: { text: "Hello", mood: 1 } },
    },
  },
  client: {
    summary: "Sends a message to single connections.",
    examples: {
      "To a connection": { client_ids: ["ebaa7f19-7176-4001-8e12-4448afe82e4d"], data: ACTION },
    },
  },
  close: { summary: "Closes the connection.", examples: { "Goodbye": {} } },
  config: {
    summary: "Sets the room's configuration, and tells everyone in it.",
    examples: { "A theme": { data: '{"theme":"dark"}' }, "None": { data: "" } },
    payload: { properties: { data: { description: "A text; JSON can be put into one." } } },
  },
  connection: { summary: "Asks who and where one is.", examples: { "Ask": {} } },
  counter: {
    summary: "Adds to a counter.",
    examples: {
      "Add": { data: { id: "order_subtotals", value: 17.75 } },
      "Take away": { data: { id: "order_subtotals", value: "-15.14" } },
      "One more": {},
    },
    payload: {
      properties: {
        data: {
          properties: {
            id: { default: "default" },
            value: {
              default: 1,
              description: "A number, or a decimal as text.",
              anyOf: [{ type: "number" }, { type: "string", maxLength: 100, pattern: DECIMAL }],
            },
          },
        },
      },
    },
  },
  data: {
    summary: "Sets a value of the room's data; null deletes it.",
    examples: {
      "Set": { data: { key: "score", value: [1, 0] } },
      "Delete": { data: { key: "score", value: null } },
    },
  },
  deleteRelay: {
    summary: "Ends one of one's relays; without a type, all.",
    examples: { "One": { data: "report" }, "All": {} },
  },
  ephemeralPoll: {
    summary: "Casts a vote that goes with its voter.",
    examples: { "Vote": { data: { id: "who is here", answer: "me" } } },
    payload: VOTE,
  },
  login: {
    summary: "Replaces the session's properties; those that begin with _ are private.",
    examples: {
      "A name": { data: { name: "Ann", _email: "ann@example.com" } },
      "Nothing": { data: {} },
    },
  },
  ping: { summary: "Is answered with a pong.", examples: { "A time": { data: 1631756233699 } } },
  poll: {
    summary: "Casts the session's one vote in a poll, or moves it.",
    examples: {
      "Vote": { data: { id: "test poll", answer: "hello" } },
      "A number counts as its text": { data: { id: "test poll", answer: 5 } },
    },
    payload: VOTE,
  },
  profile: { summary: "Asks for one's own profile.", examples: { "Ask": {} } },
  relay: {
    summary: "Shows every message of a type that users send.",
    examples: { "Reports": { data: "report" } },
    payload: { properties: { data: { description: "The type." } } },
  },
  siblings: {
    summary: "Sends a message to one's own user's other connections.",
    examples: { "An update": { data: { type: "SHORTLIST_UPDATE", state: [] } } },
  },
  signal: {
    summary: "Passes on what is worthless a second later.",
    examples: {
      "Typing": { data: { event: "typing", data: true } },
      "A cursor": { data: { event: "cursor", data: { x: 0.5, y: 0.25 } } },
    },
  },
  status: {
    summary: "Says whether somebody pays attention.",
    examples: { "Away": { data: "AWAY" }, "Back": { data: "ONLINE" } },
  },
  subscribe: {
    summary: "Subscribes to an event, or to one thing's.",
    examples: {
      "What is said": { data: "chat" },
      "The last twenty, too": { data: "chat", history: 20 },
      "All since": { data: "chat", since: "0", epoch: "257de7da-4c49-485f-8985-bbb1e952d096" },
      "One counter": { data: "counter:order_subtotals" },
      "Members": { data: "presence" },
    },
    payload: {
      properties: {
        data: {
          description: "chat, poll, ephemeralPoll, counter, presence, signal, … or chat:id.",
        },
        since: { ...OFFSET, description: "The last offset seen: what came after it is sent." },
        epoch: { description: "Of which life of the log the offset is." },
        history: { ...OFFSET, description: "In place of since: how many past events to send." },
      },
    },
  },
  unsubscribe: {
    summary: "Ends a subscription.",
    examples: { "One kind": { data: "signal" }, "One thing": { data: "data:score" } },
    payload: { properties: { data: { description: "An event, or event:id." } } },
  },
  user: {
    summary: "Sends a message to all connections of users.",
    examples: {
      "To a user": { root_ids: ["eDxZ3ihWrkUA6vVkbnRfx-"], data: ACTION },
      "The same, by the other name": { user_ids: ["eDxZ3ihWrkUA6vVkbnRfx-"], data: ACTION },
    },
    payload: {
      properties: { user_ids: { description: "Another name for root_ids." } },
      anyOf: ["root_ids", "user_ids"].map((name) => ({
        type: "object",
        properties: { [name]: {} },
        required: [name],
      })),
    },
  },
  walker: {
    summary: "Calls a function on the server; with response, a walker message tells its answer.",
    examples: {
      "Statistics": { walker: "GET_STATS", response: true },
      "A reaction": { walker: "reactions", response: true, context: { emoji: "👍" } },
    },
    payload: { properties: { walker: { description: "The function." } } },
  },
};

/** What a message may have beside what its type asks for. */
const ENVELOPE: JsonObject = {
  id: { type: ["string", "number"], maxLength: 256, description: "Answered with, once." },
  key: { type: "string", minLength: 1, maxLength: 64, description: "Makes it take effect once." },
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
  const { summary, examples = {}, payload = {} } = SENT[type] ?? {};
  const schema = z.toJSONSchema(input, {
    io: "input",
    // What JSON Schema cannot say (any JSON value, sizes in bytes) it leaves open.
    unrepresentable: "any",
    override({ jsonSchema }) {
      // A name may be a number or a boolean, which count as text, and must not be empty.
      const types = jsonSchema.anyOf?.map(({ type }) => type);
      if (types?.join() !== "string,number,boolean") return;
      delete jsonSchema.anyOf;
      Object.assign(jsonSchema, { type: types, minLength: 1 });
    },
  });
  const { $schema: _dialect, properties = {}, required = [] } = schema;
  return {
    name: type,
    summary,
    "x-admin": admin,
    payload: merged({
      type: "object",
      properties: { type: { const: type }, ...properties as JsonObject, ...ENVELOPE },
      required: ["type", ...required],
    }, payload),
    examples: Object.entries(examples).map(([name, example]) => ({
      name,
      payload: { type, ...example },
    })),
  };
}

/** The members of both, of objects within them, too; of anything else the second's. */
function merged(one: JsonObject, other: JsonObject): JsonObject {
  const all = { ...one };
  for (const [name, value] of Object.entries(other)) {
    const before = all[name];
    all[name] = isJsonObject(before) && isJsonObject(value) ? merged(before, value) : value;
  }
  return all;
}
