import type { Author, Client, Failure, Json } from "../api.ts";
import { h, nameOf, shown } from "./dom.ts";
import { TallyElement } from "./element.ts";

/** How many past messages are asked for, and how many are kept in the page. */
const HISTORY = 50;
const MAX_SHOWN = 10_000;
/** How long somebody counts as typing, and how often that is said, in milliseconds. */
const TYPING_MS = 3000;
const TELL_TYPING_MS = 1500;
/** How near its end a list counts as read to its end, in pixels. */
const AT_END = 40;

/** `<tally-chat room="…" name="…">`: the room's chat, with what was said before, and who is typing. */
export class TallyChat extends TallyElement {
  static override readonly observedAttributes: readonly string[] = ["room", "endpoint", "name"];
  static override readonly css: string = `
:host { display: flex; flex-direction: column; block-size: var(--tally-chat-height, 24rem); }
[part="messages"] { flex: 1; overflow-y: auto; padding: 0.25rem; overscroll-behavior: contain; }
[part="message"] { padding: 0.3rem 0.4rem; content-visibility: auto; contain-intrinsic-block-size: auto 2rem; }
[part="author"] { color: var(--_muted); font-size: 0.875em; margin-inline-end: 0.5em; }
[part="typing"] { min-block-size: 1.5em; color: var(--_muted); font-size: 0.875em; }
form { display: flex; gap: 0.5rem; }
input { flex: 1; min-inline-size: 0; border: 1px solid var(--_muted); background: transparent; padding: 0.35em 0.6em; min-height: 2.75rem; }
button { background: var(--_accent); color: var(--_on-accent); }
`;

  protected start(client: Client): Node[] {
    const list = h("ol", {
      part: "messages",
      role: "log",
      "aria-label": "Messages",
      tabindex: "0",
    });
    const typing = h("p", { part: "typing", "aria-live": "polite" });
    const error = h("p", { part: "error", role: "alert" });
    const input = h("input", {
      part: "input",
      "aria-label": "Message",
      placeholder: "Say something",
      autocomplete: "off",
      maxlength: "4000",
      dir: "auto",
    });
    const form = h("form", { part: "form" }, input, h("button", { part: "send" }, "Send"));
    const name = this.text("name");
    if (name !== "") client.login({ name }).catch(() => {});

    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const text = input.value.trim();
      if (text === "") return;
      input.value = "";
      error.textContent = "";
      client.chat(text).catch((failure: Failure) => {
        error.textContent = failure.error.message;
        // What was not said is not lost, unless something else has been written since.
        input.value ||= text;
      });
    });
    this.#tellTyping(client, input);
    this.#showTyping(client, typing);
    const add = (message: Json, author: Author): void => {
      const atEnd = list.scrollHeight - list.scrollTop - list.clientHeight < AT_END;
      list.append(messageItem(message, author));
      if (list.childElementCount > MAX_SHOWN) list.firstElementChild!.remove();
      if (atEnd) list.scrollTop = list.scrollHeight;
    };
    const seen = ({ message, user }: { message: Json; user: Author }): void => add(message, user);
    this.until(client.subscribe("chat", seen, { history: HISTORY }));
    return [list, typing, error, form];
  }

  #tellTyping(client: Client, input: HTMLInputElement): void {
    let toldAt = -Infinity;
    input.addEventListener("input", () => {
      if (performance.now() - toldAt < TELL_TYPING_MS) return;
      toldAt = performance.now();
      client.signal("typing", true);
    });
  }

  #showTyping(client: Client, place: HTMLElement): void {
    const typing = new Map<number, { readonly name: string; readonly timer: number }>();
    const show = (): void => {
      const names = [...typing.values()].map(({ name }) => name);
      place.textContent = names.length === 0
        ? ""
        : names.length <= 2
        ? `${names.join(" and ")} ${names.length === 1 ? "is" : "are"} typing …`
        : `${names.length} people are typing …`;
    };
    const stop = (suffix: number): void => {
      clearTimeout(typing.get(suffix)?.timer);
      if (typing.delete(suffix)) show();
    };
    this.until(client.subscribe("signal:typing", ({ user }) => {
      if (!user) return;
      clearTimeout(typing.get(user.suffix)?.timer);
      const timer = setTimeout(() => stop(user.suffix), TYPING_MS);
      typing.set(user.suffix, { name: nameOf(user), timer });
      show();
    }));
    const said = ({ user }: { user: Author }): void => stop(user.suffix);
    client.on("chat", said);
    this.until(() => client.off("chat", said));
    this.until(() => typing.forEach(({ timer }) => clearTimeout(timer)));
  }
}

function messageItem(message: Json, author: Author): HTMLLIElement {
  return h(
    "li",
    { part: "message" },
    h("bdi", { part: "author" }, nameOf(author)),
    h("span", { part: "text", dir: "auto" }, shown(message)),
  );
}
