import { element } from "./inspect_dom.js";
import { watch } from "./inspect_watch.js";

/** The room's counters. */
export function watchCounters(wire) {
  const values = new Map();
  watch(wire, "counters", {
    topics: ["counter"],
    forget: () => values.clear(),
    rows: () =>
      [...values.keys()].sort().map((id) => () =>
        element("li", "tally", element("span", "", id), element("strong", "", values.get(id)))
      ),
    receive({ type, data }) {
      if (type !== "counter") return false;
      values.set(data.id, data.value);
      return true;
    },
  });
}

/** The room's polls of both kinds. */
export function watchPolls(wire) {
  const polls = new Map();
  watch(wire, "polls", {
    topics: ["poll", "ephemeralPoll"],
    forget: () => polls.clear(),
    rows: () => [...polls.keys()].sort().map((key) => () => rowOf(polls.get(key))),
    receive({ type, data }) {
      if (type !== "poll" && type !== "ephemeralPoll") return false;
      polls.set(`${type} ${data.id}`, { ...data, ephemeral: type === "ephemeralPoll" });
      return true;
    },
  });
}

function rowOf({ id, stats, ephemeral }) {
  const answers = Object.entries(stats).sort(([, one], [, other]) => other - one);
  const most = Math.max(1, ...Object.values(stats));
  const title = element("p", "", element("strong", "", id));
  if (ephemeral) title.append(" ", element("span", "badge", "ephemeral"));
  return element(
    "li",
    "",
    title,
    ...answers.length === 0 ? [element("p", "faint", "No votes")] : [],
    ...answers.slice(0, 20).map(([answer, votes]) => {
      const row = element("p", "tally bar", element("span", "", answer), element("b", "", votes));
      row.style.setProperty("--share-of-most", votes / most);
      return row;
    }),
    ...answers.length > 20 ? [element("p", "faint", `and ${answers.length - 20} more`)] : [],
  );
}
