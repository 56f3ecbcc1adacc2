import type { Client, Failure } from "../api.ts";
import { h } from "./dom.ts";
import { TallyElement } from "./element.ts";

interface Answer {
  readonly button: HTMLButtonElement;
  readonly bar: HTMLElement;
  readonly count: HTMLElement;
}

/**
 * `<tally-poll room="…" poll="…" answers="yes,no">`: a poll, with a bar for each answer. With
 * `ephemeral` a vote goes with its voter.
 */
export class TallyPoll extends TallyElement {
  static override readonly observedAttributes: readonly string[] = [
    ...["room", "endpoint", "poll", "answers", "ephemeral", "label"],
  ];
  static override readonly css: string = `
[part="answers"] { display: grid; gap: 0.5rem; }
button { position: relative; display: flex; justify-content: space-between; gap: 1rem; inline-size: 100%; text-align: start; overflow: hidden; isolation: isolate; }
button[aria-pressed="true"] { border-color: var(--_accent); font-weight: 600; }
[part="bar"] { position: absolute; z-index: -1; inset-block: 0; inset-inline-start: 0; inline-size: 0; background: var(--_accent); opacity: 0.22; transition: inline-size 0.3s; }
[part="count"] { font-variant-numeric: tabular-nums; }
`;

  protected start(client: Client): Node[] {
    const id = this.text("poll", "default");
    const ephemeral = this.hasAttribute("ephemeral");
    const kind = ephemeral ? "ephemeralPoll" : "poll";
    const given = this.text("answers").split(",").map((text) => text.trim()).filter(Boolean);
    const label = this.text("label", id);
    const list = h("div", { part: "answers", role: "group", "aria-label": label });
    const error = h("p", { part: "error", role: "alert" });
    const answers = new Map<string, Answer>();

    const vote = async (answer: string): Promise<void> => {
      error.textContent = "";
      try {
        await client.vote(id, answer, { ephemeral });
        for (const [text, { button }] of answers) {
          button.setAttribute("aria-pressed", String(text === answer));
        }
      } catch (failure) {
        error.textContent = (failure as Failure).error.message;
      }
    };
    const answerOf = (text: string): Answer => {
      let answer = answers.get(text);
      if (!answer) {
        answers.set(text, answer = createAnswer(text));
        answer.button.addEventListener("click", () => vote(text));
        list.append(answer.button);
      }
      return answer;
    };
    const show = (stats: { readonly [answer: string]: number }): void => {
      const texts = [...new Set([...given, ...answers.keys(), ...Object.keys(stats)])];
      const votes = (text: string): number => Object.hasOwn(stats, text) ? stats[text]! : 0;
      const all = texts.reduce((sum, text) => sum + votes(text), 0);
      for (const text of texts) {
        const { bar, count } = answerOf(text);
        bar.style.inlineSize = `${all === 0 ? 0 : votes(text) / all * 100}%`;
        count.textContent = String(votes(text));
      }
    };
    show({});
    this.until(client.subscribe(`${kind}:${id}`, ({ stats }) => show(stats)));
    return [list, error];
  }
}

function createAnswer(text: string): Answer {
  const bar = h("span", { part: "bar", "aria-hidden": "true" });
  const count = h("span", { part: "count" }, "0");
  const label = h("bdi", { part: "answer" }, text);
  const button = h(
    "button",
    { part: "vote", type: "button", "aria-pressed": "false" },
    bar,
    label,
    h("span", {}, count, h("span", { class: "hidden" }, " votes")),
  );
  return { button, bar, count };
}
