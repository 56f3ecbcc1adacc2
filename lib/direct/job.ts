import type { ProtocolError } from "../errors.ts";
import type { Thread } from "./conversation.ts";
import type { Content, DirectMessage, Edit } from "./message.ts";

/** What a user does in a thread. */
export type Action =
  | { readonly kind: "send"; readonly content: Content }
  | { readonly kind: "edit"; readonly id: string; readonly edit: Edit }
  | { readonly kind: "delete"; readonly id: string };

/** What came of it: the message as it is now, or was before it was deleted. */
export type Outcome =
  | { readonly message: DirectMessage }
  /** The id of the message that was sent with the same key before. */
  | { readonly repeated: string }
  | { readonly error: ProtocolError };

/** An action on its way to the store. */
export interface DirectJob {
  readonly thread: Thread;
  readonly user: string;
  readonly action: Action;
  /** Set: what is sent is sent once, however often the user sends it. */
  readonly key?: string;
  /** About how long what it says is, in characters. */
  readonly size: number;
  /** Called once. */
  settled(outcome: Outcome): void;
}
