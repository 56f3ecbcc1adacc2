import type { Client } from "../api.ts";
import { h } from "./dom.ts";
import { TallyElement } from "./element.ts";

/** What stands in place of a value that has not come yet. */
const UNKNOWN = "–";

/**
 * `<tally-counter room="…" counter="…" step="1">`: an exact counter, and a button that adds to it;
 * with `readonly` only the counter.
 */
export class TallyCounter extends TallyElement {
  static override readonly observedAttributes: readonly string[] = [
    ...["room", "endpoint", "name", "counter", "step", "label", "readonly"],
  ];
  static override readonly css: string = `
:host { display: inline-block; max-inline-size: 100%; }
.counter { display: flex; align-items: center; gap: 0.5rem 1rem; flex-wrap: wrap; }
[part="value"] { font-size: 2em; line-height: 1.2; font-weight: 700; font-variant-numeric: tabular-nums; }
[part="label"] { font-size: 0.875em; color: var(--_muted); }
[part="add"] { min-inline-size: 2.75rem; background: var(--_accent); color: var(--_on-accent); font-weight: 600; }
.changed { animation: tally-rise 0.35s; }
@keyframes tally-rise { from { transform: translateY(0.2em); color: var(--_accent); } }
`;

  protected start(client: Client): Node[] {
    const id = this.text("counter", "default");
    const step = this.text("step", "1");
    const label = this.text("label");
    const value = h("output", { part: "value", "aria-label": label || id, dir: "ltr" }, UNKNOWN);
    value.addEventListener("animationend", () => value.classList.remove("changed"));
    this.follow(client, `counter:${id}`, (counter) => {
      if (value.textContent === counter.value) return;
      if (value.textContent !== UNKNOWN) {
        // Begins again, though one may be under way.
        value.classList.remove("changed");
        void value.offsetWidth;
        value.classList.add("changed");
      }
      value.textContent = counter.value;
    });
    const figure = h("div", {}, value);
    if (label) figure.append(h("p", { part: "label", dir: "auto" }, label));
    if (this.hasAttribute("readonly")) return [figure];
    const sign = step.startsWith("-") ? "−" : "+";
    const add = h(
      "button",
      { part: "add", type: "button", dir: "ltr", "aria-label": `Add ${step} to ${label || id}` },
      `${sign}${step.replace(/^[-+]/, "")}`,
    );
    add.addEventListener("click", () => this.attempt(client.counter(id, step)));
    return [h("div", { class: "counter" }, figure, add)];
  }
}
