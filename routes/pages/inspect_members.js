import { element } from "./inspect_dom.js";
import { watch } from "./inspect_watch.js";

/** Who is in the room. */
export function watchMembers(wire) {
  /** By client id. */
  const members = new Map();
  let count = 0;
  let own;
  watch(wire, "members", {
    topics: ["presence"],
    count: () => count,
    rows: () => [...members.values()].map((member) => () => rowOf(member, own)),
    forget() {
      members.clear();
      count = 0;
    },
    receive({ type, data }) {
      if (type === "connection") own = data.client_id;
      if (type !== "presence") return false;
      if (data.event === "state") members.clear();
      for (const member of data.members) {
        if (data.event === "leave") members.delete(member.client_id);
        else members.set(member.client_id, member);
      }
      count = data.count;
      return true;
    },
  });
}

function rowOf({ client_id: client, suffix, properties, status }, own) {
  const state = element("span", "status", status.toLowerCase());
  state.dataset.status = status;
  const name = typeof properties.name === "string" ? properties.name : "";
  return element(
    "li",
    "",
    element("p", "", element("strong", "", `#${suffix} ${name}`.trim()), " ", state),
    element("code", "", JSON.stringify(properties)),
    element("code", "faint", client === own ? `${client}, this page` : client),
  );
}
