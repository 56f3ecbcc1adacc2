import type { Room } from "../hub/room.ts";
import type { LogEntry } from "../protocol/log_entry.ts";
import { type Head, keys } from "../store/keys.ts";
import type { Log } from "../store/log.ts";
import { joinTexts } from "../store/text.ts";

/**
 * Brings a room to where the store says its log is: one that has just been opened is placed there,
 * and to one that has missed events, which others have appended, they are delivered. Where the log
 * does not hold them any more, its members are sent away to come back, and will be told so.
 */
export async function catchUp(room: Room, { epoch, offset }: Head, log: Log): Promise<void> {
  if (room.epoch !== epoch) {
    const config = await readConfig(room.name, log);
    // Another may have been faster.
    if (room.epoch !== epoch) return room.place(epoch, offset, config);
  }
  let next: number | undefined = room.cursor + 1;
  let whole = true;
  while (whole && next !== undefined && next <= offset) {
    const page: { entries: LogEntry[]; next?: number } = await log.read(
      room.name,
      next,
      offset + 1,
    );
    for (const entry of page.entries) {
      whole &&= entry.offset <= room.cursor + 1;
      if (whole) room.deliver(entry);
    }
    next = page.next;
  }
  if (room.cursor >= offset) return;
  room.place(epoch, offset, await readConfig(room.name, log));
}

async function readConfig(room: string, log: Log): Promise<string> {
  const key = keys.config(room);
  const pieces = await log.store.list({ start: key, end: [...key, Infinity] }, { limit: 500 });
  return joinTexts(pieces, key.length)[0]?.value.text ?? "";
}
