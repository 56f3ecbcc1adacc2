import type { Client } from "../api.ts";
import { type Entry, followChat, MAX_SHOWN } from "./chat_log.ts";
import { byline, h, hueOf, shown } from "./dom.ts";
import { TallyElement } from "./element.ts";
import { showTyping, tellTyping } from "./typing.ts";

/** Messages stand in groups of so many, of which the browser lays out only those in sight. */
const GROUP = 25;
/** How near its end a list counts as read to its end, in pixels. */
const AT_END = 40;
/** How long what comes first, which is the past, is not read out, in milliseconds. */
const QUIET_MS = 2000;

/** `<tally-chat room="…" name="…">`: the room's chat, with what was said before, and who is typing. */
export class TallyChat extends TallyElement {
  static override readonly css: string = `
:host { display: flex; flex-direction: column; gap: 0.25rem; block-size: var(--tally-chat-height, 24rem); }
.log { position: relative; flex: 1; min-block-size: 0; display: flex; }
/* Reversed, so that the browser itself keeps to the end, whatever turns out taller than expected. */
[part="log"] { flex: 1; min-inline-size: 0; display: flex; flex-direction: column-reverse; overflow-y: auto; overscroll-behavior: contain; border-radius: var(--_radius); }
[part="messages"] { margin-block-end: auto; padding: 0.25rem; }
[part="messages"]:empty::before { content: "Nothing has been said yet."; color: var(--_muted); }
[part~="message"] { display: flex; flex-direction: column; align-items: start; position: relative; padding-block-start: 0.3rem; }
[part~="message"]:has(> .author) { padding-block-start: 0.6rem; }
/* Only full ones, which grow no more. */
.full { content-visibility: auto; contain-intrinsic-block-size: auto 75rem; }
.author { margin: 0 0.6rem 0.1rem; font-size: 0.8125em; font-weight: 600; color: light-dark(oklch(0.45 0.12 var(--hue)), oklch(0.83 0.09 var(--hue))); }
.author [part="number"] { font-weight: 400; color: var(--_muted); }
[part="text"] { max-inline-size: min(34rem, 90%); padding: 0.4rem 0.75rem; border-radius: calc(var(--_radius) * 1.4); background: var(--_raised); white-space: pre-wrap; }
[part~="own"] { align-items: end; }
[part~="own"] [part="text"] { background: var(--_tint); }
[part="gap"] { padding-block-start: 0.6rem; text-align: center; font-size: 0.8125em; color: var(--_muted); }
[part="latest"] { position: absolute; inset-block-end: 0.5rem; inset-inline: 0; margin-inline: auto; inline-size: fit-content; background: var(--_text); color: var(--_surface); }
[part="typing"] { min-block-size: 1.5em; padding-inline: 0.85rem; color: var(--_muted); font-size: 0.8125em; }
form { display: flex; gap: 0.5rem; }
input { flex: 1; min-inline-size: 0; border: 1px solid var(--_edge); background: transparent; padding: 0.35em 0.75em; min-block-size: 2.75rem; }
input::placeholder { color: var(--_muted); opacity: 1; }
[part="send"] { background: var(--_accent); color: var(--_on-accent); font-weight: 600; }
`;

  protected start(client: Client): Node[] {
    const list = h("div", { part: "messages", role: "list" });
    const log = h("div", {
      part: "log",
      role: "log",
      "aria-label": "Messages",
      "aria-live": "off",
      tabindex: "0",
    }, list);
    const latest = h("button", { part: "latest", type: "button", hidden: true }, "New messages ↓");
    const typing = h("p", { part: "typing", dir: "auto" });
    const input = h("input", {
      part: "input",
      "aria-label": "Message",
      placeholder: "Say something",
      autocomplete: "off",
      enterkeyhint: "send",
      maxlength: "4000",
      dir: "auto",
    });
    const form = h("form", { part: "form" }, input, h("button", { part: "send" }, "Send"));

    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      const text = input.value.trim();
      if (text === "") return;
      input.value = "";
      input.dispatchEvent(new Event("input"));
      log.scrollTop = 0;
      // What was not said goes back, before what has been written since.
      if (!await this.attempt(client.chat(text))) {
        input.value = [text, input.value].filter(Boolean).join(" ");
      }
    });
    tellTyping(client, input);
    this.until(showTyping(client, typing));
    this.toldOf(client, "chat");

    // From its end upwards, so below zero.
    const atEnd = (): boolean => log.scrollTop > -AT_END;
    log.addEventListener("scroll", () => atEnd() && (latest.hidden = true), { passive: true });
    latest.addEventListener("click", () => {
      log.scrollTop = 0;
      log.focus();
    });
    this.#showMessages(client, list, (own) => {
      if (own) log.scrollTop = 0;
      else if (!atEnd()) latest.hidden = false;
    });
    const loud = setTimeout(() => log.setAttribute("aria-live", "polite"), QUIET_MS);
    this.until(() => clearTimeout(loud));
    return [h("div", { class: "log" }, log, latest), typing, form];
  }

  /** Shows what is said, having told of it, and whether any of it is the visitor's own. */
  #showMessages(client: Client, list: HTMLElement, onShown: (own: boolean) => void): void {
    let me: number | undefined;
    let last: number | undefined;
    let group = h("div");
    let coming: Entry[] = [];
    const show = this.perFrame(() => {
      const entries = coming.slice(-MAX_SHOWN);
      coming = [];
      // Whether the end was in sight is looked at before there is more.
      onShown(entries.some(({ user }) => user.suffix === me));
      for (const entry of entries) {
        const { suffix } = entry.user;
        if (group.childElementCount >= GROUP) {
          group.classList.add("full");
          group = h("div");
        }
        if (!group.parentNode) list.append(group);
        if (entry.gap) group.append(gapItem());
        group.append(messageItem(entry, suffix === me, entry.gap || suffix !== last));
        last = suffix;
      }
      while (list.childElementCount > MAX_SHOWN / GROUP) list.firstElementChild!.remove();
    });
    client.ready.then(({ suffix }) => me = suffix, () => {});
    this.until(followChat(client, (entry) => {
      coming.push(entry);
      // A hidden page has no frames.
      if (coming.length > 2 * MAX_SHOWN) coming = coming.slice(-MAX_SHOWN);
      show();
    }));
  }
}

function gapItem(): HTMLElement {
  return h("div", { part: "gap", role: "listitem" }, "Some messages are missing here.");
}

function messageItem({ user, message }: Entry, own: boolean, first: boolean): HTMLElement {
  const item = h("div", { part: own ? "message own" : "message", role: "listitem" });
  item.style.setProperty("--hue", hueOf(user.suffix));
  const author = byline(user);
  item.append(
    first
      ? h("div", { part: "author", class: "author" }, ...author, own ? " (you)" : "")
      : h("div", { part: "author", class: "hidden" }, ...author),
    h("div", { part: "text", dir: "auto" }, shown(message)),
  );
  return item;
}
