import { z } from "zod";
import { ProtocolError } from "./errors.ts";
import { type AnyFunction, defineFunction, type FunctionCaller } from "./functions/function.ts";
import type { Functions } from "./functions/functions.ts";
import type { Action, Handler, HandlerUser } from "./handler.ts";
import type { Member } from "./hub/member.ts";
import type { Users } from "./hub/users.ts";
import type { Json } from "./protocol/json.ts";
import type { Target } from "./protocol/target.ts";
import { handlerSocket } from "./socket_events.ts";

/** What a message calls. */
export interface MemberCall {
  readonly name: string;
  readonly input: { readonly [field: string]: Json };
  /** Where in the message the input lies. */
  readonly path: string;
  readonly key?: string;
}

export interface CallsOptions {
  readonly functions: Functions;
  readonly users: Users;
  readonly handler?: Handler;
  /** Given to the handler as it is. */
  readonly wsServer?: unknown;
  /** Sends a frame to connections on whichever isolates. */
  readonly send: (sender: Member, target: Target, frame: string) => void;
}

/** Takes what members call to the function of that name, or else to the program's handler. */
export class Calls {
  constructor(readonly options: CallsOptions) {}

  /** @throws {ProtocolError} `not_found` where neither is there, and whatever the callee throws. */
  async call(member: Member, { name, input, path, key }: MemberCall): Promise<Json> {
    const { functions, handler } = this.options;
    const callee = functions.find(name) ?? (handler && this.#handling(handler, member, name));
    if (!callee) throw new ProtocolError("not_found", `There is no function ${name}.`);
    const { room, seat: { session } } = member;
    const caller = callerOf(member);
    return await functions.call(callee, { input, path, key, room: room.name, session, caller });
  }

  /** The handler as a function, which makes its answers come once as all do. */
  #handling(handler: Handler, member: Member, type: string): AnyFunction {
    const { users, wsServer, send } = this.options;
    const client = handlerSocket(member);
    return defineFunction({
      name: type,
      input: z.custom<{ [field: string]: Json }>(),
      run: async (input) => {
        const answer = await handler({
          action: { ...input, type } as Action,
          wsServer,
          client,
          ws: client,
          user: userOf(users, member.userId),
          get users() {
            return new Map(users.ids().map((id) => [id, userOf(users, id)]));
          },
          sendToClient: ({ send }, message) => send(message),
          broadcast: (action) => {
            const { userId, clientId: except } = member;
            send(member, { kind: "user", ids: [userId], except }, JSON.stringify(action));
          },
        });
        return answer as Json;
      },
    });
  }
}

function callerOf({ clientId, userId, role, seat: { profile } }: Member): FunctionCaller {
  const { suffix, publicProperties } = profile;
  return { clientId, userId, role, profile: { suffix, properties: publicProperties } };
}

function userOf(users: Users, id: string): HandlerUser {
  const members = users.members(id);
  const active = members.findLast(({ status }) => status === "ONLINE");
  const { user_id: _same, ...status } = users.status(id);
  return {
    id,
    clients: new Set(members.map(handlerSocket)),
    activeClient: active ? handlerSocket(active) : null,
    status,
  };
}
