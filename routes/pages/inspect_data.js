import { element } from "./inspect_dom.js";
import { watch } from "./inspect_watch.js";

const SET = "data:set:";

/** The values of the room's data. */
export function watchData(wire) {
  const values = new Map();
  watch(wire, "data", {
    topics: ["data"],
    forget: () => values.clear(),
    rows: () => [...values.keys()].sort().map((key) => () => rowOf(key, values.get(key))),
    receive({ type, event, data }) {
      if (type !== undefined || !String(event).startsWith(SET)) return false;
      const key = event.slice(SET.length);
      // That is told of a value that is deleted, too.
      if (data === null) values.delete(key);
      else values.set(key, data);
      return true;
    },
  });
}

function rowOf(key, value) {
  return element("li", "", element("strong", "", key), element("code", "", JSON.stringify(value)));
}
