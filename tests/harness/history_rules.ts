import type { Entry } from "./history.ts";
import { counters, polls } from "./history_states.ts";

/** All that is checked of a history. Each rule yields what breaks it. */
export const rules: readonly ((entries: readonly Entry[]) => Iterable<string>)[] = [
  oneLog,
  views,
  answers,
  sendersOrder,
  realTime,
  resumptions,
  counters,
  polls,
];

/** An offset holds one text, whoever looks; no text stands twice, or before it was sent. */
function* oneLog(entries: readonly Entry[]): Iterable<string> {
  const sent = new Set<string>();
  const texts = new Map<number, string>();
  const offsets = new Map<string, number>();
  let head = 0;
  for (const entry of entries) {
    if (entry.does === "send" && entry.message.type === "chat") sent.add(entry.message.data);
    if (entry.does !== "see" || entry.sight.type !== "chat") continue;
    const { offset, text } = entry.sight;
    const { client } = entry;
    const before = texts.get(offset) ?? text;
    const elsewhere = offsets.get(text) ?? offset;
    if (before !== text) yield `${offset} holds ${before}, and for ${client} ${text}`;
    if (elsewhere !== offset) yield `${text} stands twice: at ${elsewhere} and at ${offset}`;
    if (!sent.has(text)) yield `${client} saw ${text}, which nobody had sent`;
    texts.set(offset, text);
    offsets.set(text, offset);
    head = Math.max(head, offset);
  }
  for (let offset = 1; offset <= head; offset++) {
    if (!texts.has(offset)) yield `nobody saw what stands at ${offset}`;
  }
}

/** A client sees every offset once, in order, from where it joined until it leaves. */
function* views(entries: readonly Entry[]): Iterable<string> {
  const seen = new Map<string, number>();
  const own = new Map<string, number>();
  const here = new Set<string>();
  let head = 0;
  for (const entry of entries) {
    const { client } = entry;
    const last = seen.get(client);
    if (entry.does === "join") {
      // What comes after it has come back is measured by what it saw before.
      seen.set(client, last ?? entry.after);
      here.add(client);
    } else if (entry.does === "ack") {
      own.set(client, Math.max(own.get(client) ?? 0, entry.offset ?? 0));
    } else if (entry.does === "leave") {
      here.delete(client);
      const said = own.get(client) ?? 0;
      if ((last ?? 0) < said) yield `${client} left at ${last} without its own ${said}`;
    } else if (entry.does === "see" && entry.sight.type === "chat") {
      const { offset } = entry.sight;
      if (last === undefined) yield `${client} saw ${offset} before it had joined`;
      else if (offset > last + 1) yield `${client} saw ${offset} after ${last}: a gap`;
      else if (offset <= last) yield `${client} saw ${offset} after ${last}: a repeat`;
      seen.set(client, Math.max(last ?? 0, offset));
      head = Math.max(head, offset);
    }
  }
  for (const client of here) {
    const last = seen.get(client)!;
    if (last < head) yield `${client} saw nothing after ${last}, of ${head}`;
  }
}

/**
 * Everything sent is acknowledged, unless it was given up, and stands where the ack says; what was
 * refused does not.
 */
function* answers(entries: readonly Entry[]): Iterable<string> {
  /** Key → how many of its sendings may have been applied. */
  const open = new Map<string, number>();
  const chats = new Set<string>();
  const acks = new Map<string, number | undefined>();
  const awaited = new Set<string>();
  for (const entry of entries) {
    if (entry.does === "send") {
      open.set(entry.key, (open.get(entry.key) ?? 0) + 1);
      awaited.add(entry.key);
      if (entry.message.type === "chat") chats.add(entry.key);
    } else if (entry.does === "ack") {
      const { key, offset } = entry;
      const before = acks.get(key) ?? offset;
      if (!open.has(key)) yield `${key} was acknowledged and never sent`;
      if (before !== offset) yield `${key} was acknowledged with ${before}, and with ${offset}`;
      acks.set(key, offset);
      awaited.delete(key);
    } else if (entry.does === "abandon") {
      awaited.delete(entry.key);
    } else if (entry.does === "refused") {
      const { key, code, unknown } = entry;
      if (code !== "unavailable") yield `${key} was refused: ${code}`;
      if (!unknown) open.set(key, (open.get(key) ?? 0) - 1);
    } else if (entry.does === "see" && entry.sight.type === "chat") {
      if (open.get(entry.sight.text) === 0) yield `${entry.sight.text} is there, though refused`;
    }
  }
  const log = logOf(entries);
  for (const key of awaited) yield `${key} was never acknowledged`;
  for (const [key, offset] of acks) {
    if (offset === undefined) {
      if (chats.has(key)) yield `${key} was acknowledged without an offset`;
    } else if (log.get(offset) !== key) {
      yield `${key} was acknowledged at ${offset}, where ${log.get(offset)} stands`;
    }
  }
}

/**
 * A sender's messages stand in the order sent. One that was sent several times may have been
 * applied by any of these sendings, unless it was refused; one that was given up, at any time.
 */
function* sendersOrder(entries: readonly Entry[]): Iterable<string> {
  const sendings = new Map<string, { sender: string; times: number[] }>();
  for (const [time, entry] of entries.entries()) {
    if (entry.does === "send") {
      const { times } = sendings.get(entry.key) ?? { times: [] };
      sendings.set(entry.key, { sender: entry.client, times: [...times, time] });
    } else if (entry.does === "refused" && !entry.unknown) {
      sendings.get(entry.key)?.times.pop();
    } else if (entry.does === "abandon") {
      sendings.delete(entry.key);
    }
  }
  const reached = new Map<string, { time: number; text: string }>();
  for (const text of logOf(entries).values()) {
    const sending = sendings.get(text);
    if (!sending) continue;
    const before = reached.get(sending.sender);
    const time = sending.times.find((time) => time > (before?.time ?? -1));
    if (time === undefined) yield `${text} stands after ${before?.text}, which was sent later`;
    else reached.set(sending.sender, { time, text });
  }
}

/** What is sent after something has been acknowledged, by whomever, stands behind it. */
function* realTime(entries: readonly Entry[]): Iterable<string> {
  const floors = new Map<string, number>();
  let acknowledged = 0;
  for (const entry of entries) {
    if (entry.does === "ack") acknowledged = Math.max(acknowledged, entry.offset ?? 0);
    if (entry.does === "send" && !floors.has(entry.key)) floors.set(entry.key, acknowledged);
  }
  for (const [offset, text] of logOf(entries)) {
    const floor = floors.get(text) ?? 0;
    if (offset <= floor) yield `${text} stands at ${offset}, and was sent after ${floor} was told`;
  }
}

/** The log has one life, and resuming in it is always complete. */
function* resumptions(entries: readonly Entry[]): Iterable<string> {
  const epochs = new Set<string>();
  for (const entry of entries) {
    if (entry.does === "join") epochs.add(entry.epoch);
    if (entry.does === "resume" && !entry.complete) yield `${entry.client} resumed incompletely`;
  }
  if (epochs.size > 1) yield `the log had ${epochs.size} lives`;
}

/** The log as its readers saw it, offset → text, in order. */
function logOf(entries: readonly Entry[]): Map<number, string> {
  const log = new Map<number, string>();
  for (const entry of entries) {
    if (entry.does !== "see" || entry.sight.type !== "chat") continue;
    log.set(entry.sight.offset, entry.sight.text);
  }
  return new Map([...log].sort(([a], [b]) => a - b));
}
