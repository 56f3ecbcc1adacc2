import { assert } from "@std/assert";
import type {
  Client,
  ClientOptions,
  DataOf,
  Failure,
  Message,
  Status,
} from "../../lib/client/api.ts";
import { createClient } from "../../lib/client/client.ts";
import { until } from "../harness/until.ts";

/** How long something may take that should come at once. */
const WAIT_MS = 15_000;

export type OpenClient = Client & Disposable;

/** A client of a session of its own, in the room `r` unless said otherwise. */
export function open(
  { url }: { readonly url: string },
  options: Partial<ClientOptions> = {},
): OpenClient {
  const client = createClient({ endPoint: url, room: "r", storage: null, ...options });
  return Object.assign(client, { [Symbol.dispose]: () => client.close() });
}

/** What a client is told of a topic that it subscribes to, from now on. */
export function told<Topic extends string>(
  client: Client,
  topic: Topic,
  options?: Parameters<Client["subscribe"]>[2],
): DataOf<Topic>[] {
  const all: DataOf<Topic>[] = [];
  client.subscribe(topic, (data) => all.push(data), options);
  return all;
}

/** The texts said in a room, from now on or from what `options` say. */
export function said(client: Client, options?: Parameters<Client["subscribe"]>[2]): unknown[] {
  const all: unknown[] = [];
  client.subscribe("chat", ({ message }) => all.push(message), options);
  return all;
}

/** All messages of a type that come from now on. */
export function heard(client: Client, type: string): Message[] {
  const all: Message[] = [];
  client.on(type, (_data, message) => all.push(message));
  return all;
}

/** Waits until a condition holds. */
export async function eventually(condition: () => boolean, what?: () => unknown): Promise<void> {
  assert(
    await until(condition, WAIT_MS),
    `It never held: ${condition} ${JSON.stringify(what?.())}`,
  );
}

/** Waits until a client has had a status; asked for before what brings it about, it misses none. */
export function becomes(client: Client, status: Status): Promise<void> {
  let seen = client.getStatus() === status;
  const stop = client.onStatusChange((change) => seen ||= change.status === status);
  return eventually(() => seen).finally(stop);
}

/** Does what loses a client its connection, and waits until it has noticed. */
export async function losing(client: Client, lose: () => void): Promise<void> {
  const lost = becomes(client, "CONNECTING");
  lose();
  await lost;
}

/** What a promise rejects with, which it must. */
export function failureOf(promise: Promise<unknown>): Promise<Failure> {
  return promise.then((data) => {
    throw new Error(`It did not reject, but gave ${JSON.stringify(data)}`);
  }, (failure) => failure);
}
