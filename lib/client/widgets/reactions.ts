import type { Client } from "../api.ts";
import { h } from "./dom.ts";
import { TallyElement } from "./element.ts";

const EMOJIS = "👍 ❤️ 😂 🎉 😮";
/** How many emojis fly at once: of more nobody sees each. */
const MAX_FLYING = 40;

/** `<tally-reactions room="…" emojis="👍 🎉">`: emojis to throw, counted, and seen by all. */
export class TallyReactions extends TallyElement {
  static override readonly observedAttributes: readonly string[] = [
    ...["room", "endpoint", "name", "emojis"],
  ];
  static override readonly css: string = `
:host { position: relative; }
[part="emojis"] { display: flex; flex-wrap: wrap; gap: 0.5rem; }
[part="emoji"] { display: flex; gap: 0.5em; align-items: center; border-radius: 2rem; }
[part="emoji"]:active { transform: scale(0.94); }
[part="count"] { font-variant-numeric: tabular-nums; font-size: 0.875em; color: var(--_muted); }
.sky { position: absolute; inset-block: 0; inset-inline: 0 2.5rem; pointer-events: none; }
.sky span { position: absolute; inset-block-end: 50%; font-size: 1.6em; line-height: 1; animation: tally-fly 1.6s ease-out forwards; }
@keyframes tally-fly { from { transform: scale(0.6); } 20% { opacity: 1; } to { transform: translateY(-7rem) scale(1.1); opacity: 0; } }
`;

  protected start(client: Client): Node[] {
    const sky = h("div", { class: "sky", "aria-hidden": "true" });
    const emojis = [...new Set(this.text("emojis", EMOJIS).split(/[\s,]+/).filter(Boolean))];
    const fly = (emoji: string): void => {
      // A hidden page has no frames in which it could.
      if (document.hidden || sky.childElementCount >= MAX_FLYING) return;
      const flying = h("span", {}, emoji);
      flying.style.insetInlineStart = `${Math.random() * 100}%`;
      flying.addEventListener("animationend", () => flying.remove());
      sky.append(flying);
      // Where nothing moves, no animation ends.
      if (flying.getAnimations().length === 0) flying.remove();
    };
    const buttons = emojis.map((emoji) => {
      const count = h("span", { part: "count" }, "0");
      const button = h(
        "button",
        { part: "emoji", type: "button" },
        h("span", { class: "hidden" }, "React with "),
        h("span", {}, emoji),
        count,
      );
      button.addEventListener("click", async () => {
        if (await this.attempt(client.sendToServer({ type: "reactions", emoji }))) fly(emoji);
      });
      this.follow(client, `counter:reaction:${emoji}`, ({ value }) => count.textContent = value);
      return button;
    });
    this.follow(client, "signal:reaction", ({ data }) => {
      const emoji = (data as { emoji?: unknown } | null)?.emoji;
      if (typeof emoji === "string" && emojis.includes(emoji)) fly(emoji);
    });
    const row = h("div", { part: "emojis", role: "group", "aria-label": "Reactions" }, ...buttons);
    return [row, sky];
  }
}
