import type { Fields } from "../protocol/fields.ts";
import { authenticate } from "./authenticate.ts";
import { broadcast } from "./broadcast.ts";
import { call } from "./call.ts";
import { changeUser } from "./change_user.ts";
import { chat } from "./chat.ts";
import { close } from "./close.ts";
import type { Command, CommandLimits } from "./command.ts";
import { config } from "./config.ts";
import { connection } from "./connection.ts";
import { counter } from "./counter.ts";
import { custom } from "./custom.ts";
import { data } from "./data.ts";
import { deleteRelay } from "./delete_relay.ts";
import { ephemeralPoll } from "./ephemeral_poll.ts";
import { login } from "./login.ts";
import { ping } from "./ping.ts";
import { poll } from "./poll.ts";
import { profile } from "./profile.ts";
import { relay } from "./relay.ts";
import { signal } from "./signal.ts";
import { socketEvent } from "./socket_event.ts";
import { status } from "./status.ts";
import { subscribe } from "./subscribe.ts";
import { channel, client, siblings, user } from "./target.ts";
import { unsubscribe } from "./unsubscribe.ts";
import { walker } from "./walker.ts";

/** Every message type the server knows. A new one is a file beside this and a line here. */
const LIST = [
  authenticate,
  broadcast,
  call,
  changeUser,
  channel,
  chat,
  client,
  close,
  config,
  connection,
  counter,
  data,
  deleteRelay,
  ephemeralPoll,
  login,
  ping,
  poll,
  profile,
  relay,
  siblings,
  signal,
  status,
  subscribe,
  unsubscribe,
  user,
  walker,
];

/** Finds the command for a message's type; for one that the server does not know, `custom`. */
export type FindCommand = (type: string | undefined) => Command;

/** Every command, in the order of their types. */
export interface Commands {
  readonly all: readonly Command[];
  readonly find: FindCommand;
}

export function createCommands(fields: Fields, limits: CommandLimits): Commands {
  const byType = new Map<string, Command>();
  for (const create of LIST) {
    const command = create(fields, limits);
    byType.set(command.type, command);
  }
  const unknown = custom(fields);
  const event = socketEvent(fields);
  return {
    all: [...byType.values()],
    find: (type) => type === undefined ? event : byType.get(type) ?? unknown,
  };
}
