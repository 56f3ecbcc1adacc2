import type { Client, ClientOptions, Json, PresentMember, Status } from "../api.ts";

/** What `usePoll` gives: how many have given each answer, and how to vote. */
export interface PollState {
  readonly stats: { readonly [answer: string]: number };
  readonly vote: (answer: string) => Promise<Json>;
}

/** What `useCounter` gives: the value, a decimal as text once it is known, and how to add. */
export interface CounterState {
  readonly value: string | undefined;
  readonly add: (by?: number | string) => Promise<Json>;
}

/**
 * A client in a room for as long as the component is mounted, and its status. `null` at first: a
 * component that is mounted and at once unmounted, as StrictMode does, never connects.
 */
export declare function useRoom(options: ClientOptions): {
  readonly client: Client | null;
  readonly status: Status;
};

/** A counter. */
export declare function useCounter(client: Client | null, id: string): CounterState;

/** A poll; with `ephemeral` one whose votes go with their voters. */
export declare function usePoll(
  client: Client | null,
  id: string,
  options?: { ephemeral?: boolean },
): PollState;

/** Who is in the room, each connection by itself. */
export declare function usePresence(client: Client | null): readonly PresentMember[];
