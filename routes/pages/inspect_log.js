import { element } from "./inspect_dom.js";
import { watch } from "./inspect_watch.js";

/** How many events are kept, and asked for at once. */
const KEPT = 500;
const AT_ONCE = 200;

/**
 * The room's log: what has happened, then what happens. Events for others' subscriptions do not
 * come by themselves; they show as a gap before the next one that does, and are fetched then.
 */
export function watchLog(wire) {
  /** By offset. */
  const events = new Map();
  /** All up to here is known; the newest that is. */
  let last = 0;
  let newest = 0;
  let fetching = false;
  const add = (event) => {
    const offset = Number(event.offset);
    events.set(offset, event);
    newest = Math.max(newest, offset);
    if (offset === last + 1) last = offset;
    if (events.size > KEPT) events.delete(Math.min(...events.keys()));
  };
  /** Adds a part of the past, unless it is another room's by now. */
  const recall = async (query) => {
    const { room } = wire;
    const past = await history(wire, { ...query, limit: AT_ONCE });
    if (room === wire.room) past.events.forEach(add);
    return past;
  };
  const fillGap = async () => {
    if (fetching) return;
    fetching = true;
    try {
      while (last < newest) {
        const until = newest;
        const { events: missed } = await recall({ since: last });
        last = Number(missed.at(-1)?.offset ?? until);
      }
    } catch {
      // It stays a gap.
      last = newest;
    }
    fetching = false;
    draw();
  };
  const draw = watch(wire, "log", {
    topics: ["chat", "broadcast", "config"],
    rows: () =>
      [...events].sort(([one], [other]) => other - one).map(([, event]) => () => rowOf(event)),
    forget() {
      events.clear();
      last = newest = 0;
    },
    async start() {
      const { offset, epoch } = await recall({});
      last = Math.max(last, Number(offset));
      draw();
      return { since: offset, epoch: epoch ?? undefined };
    },
    receive(message) {
      if (message.offset === undefined) return false;
      add(message);
      if (last < newest) fillGap();
      return true;
    },
  });
}

async function history({ room, session, token }, query) {
  const asked = new URLSearchParams({ ...query, session });
  const url = `/rooms/${encodeURIComponent(room)}/history?${asked}`;
  const headers = token === "" ? {} : { Authorization: `Bearer ${token}` };
  const response = await fetch(url, { headers });
  const body = await response.json();
  if (!response.ok) throw new Error(`${body.error.code}: ${body.error.message}`);
  return body;
}

function rowOf({ offset, type, ...rest }) {
  return element(
    "li",
    "event",
    element("span", "offset", offset),
    element("strong", "", type),
    element("code", "", JSON.stringify(rest.data)),
  );
}
