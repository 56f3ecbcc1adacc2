import type { Client, PresentMember } from "../api.ts";
import { h, nameOf } from "./dom.ts";
import { TallyElement } from "./element.ts";

/** How many are shown one by one. */
const MAX_SHOWN = 12;

/** `<tally-presence room="…">`: who is in the room, by their initials. */
export class TallyPresence extends TallyElement {
  static override readonly css: string = `
ul { display: flex; flex-wrap: wrap; gap: 0.3rem; }
li { inline-size: 2.4rem; block-size: 2.4rem; border-radius: 50%; display: grid; place-items: center; font-weight: 600; font-size: 0.875em; color: #fff; background: hsl(var(--hue) 55% 34%); }
li.away { opacity: 0.55; }
li.more { background: var(--_raised); color: var(--_text); }
`;

  protected start(client: Client): Node[] {
    const list = h("ul", { part: "members", "aria-label": "Who is here" });
    const count = h("p", { class: "hidden", role: "status" });
    const members = new Map<string, PresentMember>();
    let total = 0;
    const show = (): void => {
      const users = [...Map.groupBy(members.values(), ({ user_id }) => user_id).values()];
      const items = users.slice(0, MAX_SHOWN).map(avatar);
      const hidden = users.length - items.length + Math.max(0, total - members.size);
      if (hidden > 0) items.push(h("li", { part: "more", class: "more" }, `+${hidden}`));
      list.replaceChildren(...items);
      count.textContent = `${items.length > MAX_SHOWN ? total : users.length} here`;
    };
    this.until(client.subscribe("presence", ({ event, count, members: told }) => {
      if (event === "state") members.clear();
      for (const member of told) {
        if (event === "leave") members.delete(member.client_id);
        else members.set(member.client_id, member);
      }
      total = count;
      show();
    }));
    return [list, count];
  }
}

/** One user, present by one or more connections. */
function avatar(connections: readonly PresentMember[]): HTMLLIElement {
  const [member] = connections;
  const name = nameOf(member!);
  const away = connections.every(({ status }) => status === "AWAY");
  const label = away ? `${name} (away)` : name;
  const item = h(
    "li",
    { part: "member", title: label, class: away ? "away" : undefined },
    h("span", { "aria-hidden": "true" }, initials(name)),
    h("span", { class: "hidden" }, label),
  );
  item.style.setProperty("--hue", String(member!.suffix * 137 % 360));
  return item;
}

function initials(name: string): string {
  const words = name.trim().split(/\s+/);
  const letters = words.length > 1 ? [words[0]!, words.at(-1)!] : [words[0]!];
  return letters.map((word) => [...word][0]!.toLocaleUpperCase()).join("");
}
