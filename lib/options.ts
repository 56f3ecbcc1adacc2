import type { AnyFunction } from "./functions/function.ts";
import type { Handler } from "./handler.ts";
import type { Policy } from "./policy.ts";
import type { ResolveUsers } from "./direct/people.ts";
import type { EventHandler } from "./socket_events.ts";

/** What a program that embeds the server brings with it. */
export interface Extensions {
  /** Functions that clients can call. */
  readonly functions?: readonly AnyFunction[];
  /** Takes calls that no function is named for. */
  readonly handler?: Handler;
  /** Takes messages with an `event`, by its name. */
  readonly events?: { readonly [event: string]: EventHandler };
  /** Who may do what; where it does not say, the open policy does. */
  readonly policy?: Partial<Policy>;
  /** Tells who users are, by their ids. */
  readonly resolveUsers?: ResolveUsers;
  /** Told of what is worth a line in the log. */
  readonly report?: (event: string, properties: Record<string, unknown>) => void;
}
