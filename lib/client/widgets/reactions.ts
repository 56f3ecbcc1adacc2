import type { Client, Failure } from "../api.ts";
import { h } from "./dom.ts";
import { TallyElement } from "./element.ts";

const EMOJIS = "👍 ❤️ 😂 🎉 😮";
/** How many emojis fly at once: of more nobody sees each. */
const MAX_FLYING = 40;

/** `<tally-reactions room="…" emojis="👍 🎉">`: emojis to throw, counted, and seen by all. */
export class TallyReactions extends TallyElement {
  static override readonly observedAttributes: readonly string[] = ["room", "endpoint", "emojis"];
  static override readonly css: string = `
:host { position: relative; }
[part="emojis"] { display: flex; flex-wrap: wrap; gap: 0.4rem; }
button { display: flex; gap: 0.4em; align-items: center; }
[part="count"] { font-variant-numeric: tabular-nums; color: var(--_muted); }
.sky { position: absolute; inset: 0; pointer-events: none; overflow: visible; }
.sky span { position: absolute; inset-block-end: 50%; font-size: 1.6em; animation: tally-fly 1.6s ease-out forwards; }
@keyframes tally-fly { to { transform: translateY(-7rem); opacity: 0; } }
`;

  protected start(client: Client): Node[] {
    const sky = h("div", { class: "sky", "aria-hidden": "true" });
    const error = h("p", { part: "error", role: "alert" });
    const emojis = this.text("emojis", EMOJIS).split(/[\s,]+/).filter(Boolean);
    const fly = (emoji: string): void => {
      if (sky.childElementCount >= MAX_FLYING) return;
      const flying = h("span", {}, emoji);
      flying.style.insetInlineStart = `${10 + Math.random() * 80}%`;
      flying.addEventListener("animationend", () => flying.remove());
      sky.append(flying);
      // Where nothing moves, no animation ends.
      if (flying.getAnimations().length === 0) flying.remove();
    };
    const buttons = emojis.map((emoji) => {
      const count = h("span", { part: "count" }, "0");
      const button = h(
        "button",
        { part: "emoji", type: "button", "aria-label": `React with ${emoji}` },
        emoji,
        count,
      );
      button.addEventListener("click", () => {
        error.textContent = "";
        fly(emoji);
        client.sendToServer({ type: "reactions", emoji }).catch((failure: Failure) => {
          error.textContent = failure.error.message;
        });
      });
      this.until(client.subscribe(`counter:reaction:${emoji}`, ({ value }) => {
        count.textContent = value;
      }));
      return button;
    });
    this.until(client.subscribe("signal:reaction", ({ data }) => {
      const emoji = (data as { emoji?: unknown } | null)?.emoji;
      if (typeof emoji === "string" && emojis.includes(emoji)) fly(emoji);
    }));
    const row = h("div", { part: "emojis", role: "group", "aria-label": "Reactions" }, ...buttons);
    return [row, sky, error];
  }
}
