import type { Client } from "../api.ts";
import { counted, h } from "./dom.ts";
import { TallyElement } from "./element.ts";
import { keepOwnVote, ownVote } from "./own_vote.ts";

/** Anyone may add answers: of more than these only the number is shown. */
const MAX_SHOWN = 40;

interface Answer {
  readonly button: HTMLButtonElement;
  readonly bar: HTMLElement;
  readonly count: HTMLElement;
  readonly share: HTMLElement;
}

type Stats = { readonly [answer: string]: number };

/**
 * `<tally-poll room="…" poll="…" answers="yes,no">`: a poll, with a bar for each answer. With
 * `ephemeral` a vote goes with its voter.
 */
export class TallyPoll extends TallyElement {
  static override readonly observedAttributes: readonly string[] = [
    ...["room", "endpoint", "name", "poll", "answers", "ephemeral", "label"],
  ];
  static override readonly css: string = `
[part="label"] { font-weight: 600; margin-block-end: 0.6rem; }
[part="answers"] { display: grid; gap: 0.5rem; }
[part="vote"] { position: relative; display: flex; align-items: center; gap: 0.6rem; inline-size: 100%; text-align: start; overflow: hidden; isolation: isolate; }
[part="vote"]::before { content: ""; flex: none; inline-size: 1.1em; block-size: 1.1em; border: 2px solid var(--_edge); border-radius: 50%; }
[part="vote"][aria-pressed="true"] { border-color: var(--_accent); box-shadow: inset 0 0 0 1px var(--_accent); font-weight: 600; }
[part="vote"][aria-pressed="true"]::before { border: 0.33em solid var(--_accent); }
[part="answer"] { flex: 1; min-inline-size: 0; }
[part="bar"] { position: absolute; z-index: -1; inset-block: 0; inset-inline-start: 0; inline-size: 0; background: var(--_tint); transition: inline-size 0.3s; }
[part="count"], [part="share"] { font-variant-numeric: tabular-nums; }
[part="share"] { min-inline-size: 3.5em; text-align: end; }
[part="total"] { margin-block-start: 0.5rem; font-size: 0.875em; color: var(--_muted); }
`;

  protected start(client: Client): Node[] {
    const id = this.text("poll", "default");
    const poll = { id, ephemeral: this.hasAttribute("ephemeral") };
    const label = this.text("label");
    const list = h("div", { part: "answers", role: "group", "aria-label": label || id });
    const total = h("p", { part: "total", dir: "auto" });
    const given = this.text("answers").split(",").map((text) => text.trim()).filter(Boolean);
    const answers = new Map<string, Answer>();
    let stats: Stats = {};

    const vote = (answer: string): Promise<boolean> => {
      return this.attempt(client.vote(id, answer, { ephemeral: poll.ephemeral }));
    };
    const choose = async (answer: string): Promise<void> => {
      const before = ownVote(client, poll);
      keepOwnVote(client, poll, answer);
      if (await vote(answer) || ownVote(client, poll) !== answer) return;
      keepOwnVote(client, poll, before);
      show();
    };
    const answerOf = (text: string): Answer => {
      let answer = answers.get(text);
      if (!answer) {
        answers.set(text, answer = createAnswer(text));
        answer.button.addEventListener("click", () => choose(text));
        list.append(answer.button);
      }
      return answer;
    };
    const show = this.perFrame(() => {
      const texts = new Set([...given, ...answers.keys()]);
      const voted = Object.keys(stats);
      for (const text of voted) if (texts.size < MAX_SHOWN) texts.add(text);
      const all = Object.values(stats).reduce((sum, votes) => sum + votes, 0);
      const own = ownVote(client, poll);
      for (const text of texts) {
        const votes = Object.hasOwn(stats, text) ? stats[text]! : 0;
        const share = `${all === 0 ? 0 : Math.round(votes / all * 100)} %`;
        const answer = answerOf(text);
        answer.bar.style.inlineSize = all === 0 ? "0" : `${votes / all * 100}%`;
        answer.count.textContent = String(votes);
        answer.share.textContent = share;
        // A store that was emptied has forgotten the vote.
        answer.button.ariaPressed = String(text === own && votes > 0);
      }
      const hidden = voted.filter((text) => !texts.has(text)).length;
      const more = hidden === 0 ? "" : `, ${counted(hidden, "more answer")} not shown`;
      total.textContent = texts.size === 0 ? "No answers yet." : counted(all, "vote") + more;
    });
    given.forEach(answerOf);
    show();
    this.follow(client, `${poll.ephemeral ? "ephemeralPoll" : "poll"}:${id}`, (told) => {
      stats = told.stats;
      show();
    });
    if (poll.ephemeral) {
      // The vote has gone with the lost connection, and this is still the same visitor.
      this.until(client.onStatusChange(({ previousStatus }) => {
        const own = ownVote(client, poll);
        if (previousStatus === "CONNECTING" && own !== undefined) vote(own);
      }));
    }
    return [...label ? [h("p", { part: "label", dir: "auto" }, label)] : [], list, total];
  }
}

function createAnswer(text: string): Answer {
  const bar = h("span", { part: "bar", "aria-hidden": "true" });
  const count = h("span", { part: "count" }, "0");
  const share = h("span", { part: "share", dir: "ltr" }, "0 %");
  const button = h(
    "button",
    { part: "vote", type: "button", "aria-pressed": "false" },
    bar,
    h("span", { part: "answer" }, h("bdi", {}, text)),
    h("span", {}, count, h("span", { class: "hidden" }, " votes, ")),
    share,
  );
  return { button, bar, count, share };
}
