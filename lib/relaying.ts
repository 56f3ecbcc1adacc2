import { type Mail, MAX_MAILS_LENGTH } from "./committer/change.ts";
import { profileOf } from "./hub/greeting.ts";
import type { Member } from "./hub/member.ts";
import type { Message } from "./protocol/message.ts";

/** Shows a message that has taken effect to the admins here who relay its type. */
export function relayHere(sender: Member, message: Message): void {
  const { relays } = sender.room;
  if (message.type !== undefined && relays.has(message.type)) {
    relays.show(message.type, relayed(sender, message));
  }
}

/** The mails that show a message to the admins on other isolates who relay its type. */
export function relayMails(sender: Member, message: Message): Mail[] {
  const { type } = message;
  const peers = type === undefined ? undefined : sender.room.relays.elsewhere(type);
  if (type === undefined || !peers) return [];
  const text = relayed(sender, message);
  return [...peers].map((to) => ({ to, kind: "relay", about: type, text }));
}

/** Those of them that go with the message's effect: all, unless they are too long for its commit. */
export function mailsOfEffect(sender: Member, message: Message): Mail[] {
  const mails = relayMails(sender, message);
  return fit(mails) ? mails : [];
}

/** Those of them that follow the message's effect, each in a commit of its own. */
export function mailsAfterEffect(sender: Member, message: Message): Mail[] {
  const mails = relayMails(sender, message);
  return fit(mails) ? [] : mails;
}

function fit(mails: readonly Mail[]): boolean {
  return mails.length * (mails[0]?.text.length ?? 0) <= MAX_MAILS_LENGTH;
}

/** A message as admins are shown it, with all that is known of its sender but its secret. */
function relayed(sender: Member, { type, data }: Message): string {
  const { id: _secret, ...profile } = profileOf(sender);
  const user = { id: sender.userId, client_id: sender.clientId, ...profile };
  return JSON.stringify({ type: `relay:${type}`, data: { type, data, user } });
}
