import { keys, type MailFields } from "../../store/keys.ts";
import { setText } from "../../store/text.ts";
import type { Mail } from "../change.ts";
import type { Peers } from "../peers.ts";
import type { Cost } from "./cost.ts";

/** How long what nobody has looked up is kept, for the case that nobody ever clears it up. */
export const INBOX_MS = 86_400_000;

/** Messages that a commit leaves for other isolates. */
export class StagedMails {
  readonly #mails: { readonly number: number; readonly mail: Mail }[] = [];

  constructor(readonly peers: Peers, readonly cost: Cost) {}

  post(mails: readonly Mail[]): void {
    for (const mail of mails) {
      this.#mails.push({ number: this.peers.nextMail(), mail });
      this.cost.spend(0, 2, mail.text.length);
    }
  }

  /**
   * @param room what they are about.
   * @returns the isolates to be rung for.
   */
  fill(atomic: Deno.AtomicOperation, room: string, at: number): Set<string> {
    for (const { number, mail: { to, kind, about, text } } of this.#mails) {
      const fields: MailFields = { room, kind, about, at };
      const key = keys.mail(to, this.peers.self, number);
      setText(atomic, key, { fields, text }, { expireIn: INBOX_MS });
    }
    return new Set(this.#mails.map(({ mail }) => mail.to));
  }
}

/** Rings for isolates for which something has been left. */
export function ring(atomic: Deno.AtomicOperation, peers: Iterable<string>, at: number): void {
  for (const peer of peers) atomic.set(keys.bell(peer), at, { expireIn: INBOX_MS });
}
