import type { Client, Failure } from "../api.ts";
import { h } from "./dom.ts";
import { TallyElement } from "./element.ts";

/**
 * `<tally-counter room="…" counter="…" step="1">`: an exact counter, and a button that adds to it;
 * with `readonly` only the counter.
 */
export class TallyCounter extends TallyElement {
  static override readonly observedAttributes: readonly string[] = [
    ...["room", "endpoint", "counter", "step", "label", "readonly"],
  ];
  static override readonly css: string = `
:host { display: inline-block; }
div { display: flex; align-items: center; gap: 0.75rem; flex-wrap: wrap; }
output { font-size: 1.75em; font-weight: 700; font-variant-numeric: tabular-nums; }
.changed { animation: tally-rise 0.35s; }
@keyframes tally-rise { from { transform: translateY(0.35em); color: var(--_accent); } }
`;

  protected start(client: Client): Node[] {
    const id = this.text("counter", "default");
    const step = this.text("step", "1");
    const label = this.text("label", id);
    const value = h("output", { part: "value", "aria-label": label }, "–");
    const error = h("p", { part: "error", role: "alert" });
    value.addEventListener("animationend", () => value.classList.remove("changed"));
    this.until(client.subscribe(`counter:${id}`, (counter) => {
      if (value.textContent !== "–" && value.textContent !== counter.value) {
        // Begins again, though one may be under way.
        value.classList.remove("changed");
        void value.offsetWidth;
        value.classList.add("changed");
      }
      value.textContent = counter.value;
    }));
    if (this.hasAttribute("readonly")) return [h("div", {}, value)];
    const sign = step.startsWith("-") ? "−" : "+";
    const add = h(
      "button",
      { part: "add", type: "button", "aria-label": `Add ${step} to ${label}` },
      `${sign}${step.replace(/^[-+]/, "")}`,
    );
    add.addEventListener("click", () => {
      error.textContent = "";
      client.counter(id, step).catch((failure: Failure) => {
        error.textContent = failure.error.message;
      });
    });
    return [h("div", {}, value, add), error];
  }
}
