/**
 * Hooks over the client, for React 18 or later.
 *
 * @module
 */
import { useCallback, useEffect, useState } from "react";
import type { Client, ClientOptions, DataOf, PresentMember, Status } from "../api.ts";
import { createClient } from "../client.ts";
import type * as Api from "./api.ts";
import type { CounterState, PollState } from "./api.ts";

export type * from "./api.ts";

export function useRoom(options: ClientOptions): {
  readonly client: Client | null;
  readonly status: Status;
} {
  const [client, setClient] = useState<Client | null>(null);
  const [status, setStatus] = useState<Status>("CONNECTING");
  const { endPoint, room, userId, session, channelId, token } = options;
  // A token is asked for before every connection: a new function for it is no reason for a new one.
  const tokenText = typeof token === "string" ? token : undefined;
  useEffect(() => {
    const opened = createClient(options);
    const end = opened.onStatusChange((change) => setStatus(change.status));
    setClient(opened);
    setStatus(opened.getStatus());
    return () => {
      end();
      opened.close();
      setClient(null);
    };
  }, [endPoint, room, userId, session, channelId, tokenText]);
  return { client, status };
}

export function useCounter(client: Client | null, id: string): CounterState {
  const counter = useTopic(client, `counter:${id}`);
  const add = useCallback(
    (by?: number | string) => connected(client).counter(id, by),
    [client, id],
  );
  return { value: counter?.value, add };
}

export function usePoll(
  client: Client | null,
  id: string,
  { ephemeral = false }: { ephemeral?: boolean } = {},
): PollState {
  const kind = ephemeral ? "ephemeralPoll" : "poll";
  const poll = useTopic(client, `${kind}:${id}`);
  const vote = useCallback(
    (answer: string) => connected(client).vote(id, answer, { ephemeral }),
    [client, id, ephemeral],
  );
  return { stats: poll?.stats ?? {}, vote };
}

export function usePresence(client: Client | null): readonly PresentMember[] {
  const [members, setMembers] = useState<readonly PresentMember[]>([]);
  useEffect(() => {
    setMembers([]);
    return client?.subscribe("presence", ({ event, members: told }) => {
      setMembers((before) => {
        if (event === "state") return told;
        const rest = before.filter(({ client_id }) => {
          return !told.some((member) => member.client_id === client_id);
        });
        return event === "leave" ? rest : [...rest, ...told];
      });
    });
  }, [client]);
  return members;
}

/** The newest of a topic's states; `undefined` until the first. */
function useTopic<Topic extends string>(
  client: Client | null,
  topic: Topic,
): DataOf<Topic> | undefined {
  const [told, setTold] = useState<{ topic: string; data: DataOf<Topic> }>();
  useEffect(() => client?.subscribe(topic, (data) => setTold({ topic, data })), [client, topic]);
  // What was told of another topic says nothing of this one.
  return told?.topic === topic ? told.data : undefined;
}

function connected(client: Client | null): Client {
  if (client) return client;
  throw new Error("There is no client yet: useRoom gives one after the first rendering");
}

// What is declared is what there is.
({ useRoom, useCounter, usePoll, usePresence }) satisfies typeof Api;
