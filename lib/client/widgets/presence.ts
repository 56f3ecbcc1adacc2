import type { Client, PresentMember } from "../api.ts";
import { byline, h, hueOf, nameOf } from "./dom.ts";
import { TallyElement } from "./element.ts";

/** How many are shown one by one. */
const MAX_SHOWN = 12;

/** `<tally-presence room="…" name="…">`: who is in the room, and who of them is away. */
export class TallyPresence extends TallyElement {
  static override readonly css: string = `
[part="count"] { font-size: 0.875em; color: var(--_muted); margin-block-end: 0.5rem; }
[part="members"] { display: flex; flex-wrap: wrap; gap: 0.4rem; }
li { display: flex; align-items: center; gap: 0.5em; max-inline-size: 100%; border-radius: 1.3rem; background: var(--_raised); padding: 0.25rem; padding-inline-end: 0.8rem; font-size: 0.875em; }
li > :last-child { min-inline-size: 0; }
[part="number"] { color: var(--_muted); }
[part="initials"] { flex: none; inline-size: 2rem; block-size: 2rem; border-radius: 50%; display: grid; place-items: center; border: 2px solid transparent; font-weight: 600; font-size: 0.8125rem; color: #fff; background: oklch(0.5 0.12 var(--hue)); }
.away [part="initials"] { border: 2px dashed var(--_edge); color: var(--_muted); background: none; }
[part="more"] { padding-inline: 0.8rem; min-block-size: 2.5rem; }
`;

  protected start(client: Client): Node[] {
    const list = h("ul", { part: "members", role: "list", "aria-label": "Who is here" });
    const here = h("p", { part: "count", role: "status", dir: "auto" });
    const members = new Map<string, PresentMember>();
    let total = 0;
    let me: number | undefined;
    const show = this.perFrame(() => {
      const users = [...Map.groupBy(members.values(), ({ user_id }) => user_id).values()];
      const items = users.slice(0, MAX_SHOWN).map((user) => memberItem(user, me));
      // The server names no more than it must; of the others it tells how many there are.
      const unnamed = Math.max(0, total - members.size);
      const hidden = users.length - items.length + unnamed;
      if (hidden > 0) items.push(h("li", { part: "more" }, `+${hidden}`));
      list.replaceChildren(...items);
      const text = `${users.length + unnamed} here`;
      if (here.textContent !== text) here.textContent = text;
    });
    client.ready.then(({ suffix }) => {
      me = suffix;
      if (members.size > 0) show();
    }, () => {});
    this.follow(client, "presence", ({ event, count, members: told }) => {
      if (event === "state") members.clear();
      for (const member of told) {
        if (event === "leave") members.delete(member.client_id);
        else members.set(member.client_id, member);
      }
      total = count;
      show();
    });
    return [here, list];
  }
}

/** One user, present by one or more connections. */
function memberItem(connections: readonly PresentMember[], me?: number): HTMLLIElement {
  const member = connections[0]!;
  const away = connections.every(({ status }) => status === "AWAY");
  const notes = (member.suffix === me ? " (you)" : "") + (away ? " (away)" : "");
  const item = h(
    "li",
    { part: "member", class: away ? "away" : undefined },
    h("span", { part: "initials", "aria-hidden": "true" }, initials(nameOf(member))),
    h("span", {}, ...byline(member), notes),
  );
  item.style.setProperty("--hue", hueOf(member.suffix));
  return item;
}

function initials(name: string): string {
  const words = name.split(/\s+/);
  const letters = words.length > 1 ? [words[0]!, words.at(-1)!] : [words[0]!];
  return letters.map((word) => [...word][0]!.toLocaleUpperCase()).join("");
}
