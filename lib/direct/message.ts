import { shownId } from "./conversation.ts";

/** What a message says. */
export type Content =
  | { readonly type: "text"; readonly text: string }
  | { readonly type: "image"; readonly image: string };

/** A message as it is stored. */
export type DirectMessage = Content & {
  readonly id: string;
  readonly author: string;
  /** When it was sent, in milliseconds since 1970. */
  readonly at: number;
  readonly status?: "seen";
};

/** What is changed of a message. */
export interface Edit {
  readonly text?: string;
  readonly image?: string;
  readonly status?: "seen";
}

/** A message as clients are told it; its author as `author` says. */
export function shownMessage<Author>(
  { id, author: _author, at, ...rest }: DirectMessage,
  author: Author,
): Record<string, unknown> {
  return { id, author, timestamp: timestamp(at), ...rest };
}

/** A message as clients are told it, its author by its id. */
export function shownEntry(message: DirectMessage): Record<string, unknown> {
  return shownMessage(message, shownId(message.author));
}

export function timestamp(epoch: number): { epoch: number; iso: string } {
  return { epoch, iso: new Date(epoch).toISOString() };
}

/** How many digits of an id hold its message's number: sixteen to the power of twelve are enough. */
const NUMBER_DIGITS = 12;

/**
 * A new message's id: a random UUID but for its last twelve digits, which tell the message's number
 * in its thread, so that it is found without an index.
 */
export function messageId(number: number): string {
  const random = crypto.randomUUID().slice(0, -NUMBER_DIGITS);
  return random + number.toString(16).padStart(NUMBER_DIGITS, "0");
}

/** The number that an id tells; `undefined` for what is no message's id. */
export function numberOf(id: string): number | undefined {
  return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(id)
    ? parseInt(id.slice(-NUMBER_DIGITS), 16)
    : undefined;
}
