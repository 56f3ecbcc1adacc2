import { keys } from "../store/keys.ts";
import type { Log } from "../store/log.ts";
import { joinTexts } from "../store/text.ts";
import type { RoomTransaction } from "./room_transaction.ts";

/**
 * Brings rooms to where the store says their logs are: one that has just been opened is placed
 * there, and to one that has missed events, which others have appended, they are delivered.
 */
export async function catchUp(transactions: Iterable<RoomTransaction>, log: Log): Promise<void> {
  await Promise.all([...transactions].map((transaction) => catchUpRoom(transaction, log)));
}

async function catchUpRoom({ room, storedHead, exists }: RoomTransaction, log: Log): Promise<void> {
  if (!exists) return;
  const { epoch, offset } = storedHead;
  if (room.epoch !== epoch) {
    room.place(epoch, offset, await readConfig(room.name, log));
    return;
  }
  for (let next: number | undefined = room.cursor + 1; next !== undefined && next <= offset;) {
    const page = await log.read(room.name, next, offset + 1);
    for (const entry of page.entries) room.deliver(entry);
    next = page.next;
  }
}

async function readConfig(room: string, log: Log): Promise<string> {
  const key = keys.config(room);
  const pieces = await log.store.list({ start: key, end: [...key, Infinity] }, { limit: 500 });
  return joinTexts(pieces, key.length)[0]?.value.text ?? "";
}
