import { button, copy, element, soon } from "./inspect_dom.js";
import { matches } from "./inspect_recording.js";
import { pretty } from "./inspect_pretty.js";
import { bytes, clock, duration } from "./inspect_units.js";

const WAYS = { sent: "↑", received: "↓", note: "•" };
const KEYS = {
  ArrowDown: (item) => item.nextElementSibling,
  ArrowUp: (item) => item.previousElementSibling,
  Home: (item) => item.parentElement.firstElementChild,
  End: (item) => item.parentElement.lastElementChild,
};

/**
 * Shows a recording's frames, those that are wanted, the newest last. One of them is in the tab
 * order, the arrow keys lead to the others.
 */
export class FrameList {
  paused = false;
  /** Called when what is shown has changed, with how many there are, and how many wait. */
  onshown = () => {};
  /** Called with the text of a frame that somebody would like to send. */
  onreuse = () => {};
  /** Called with what has been done. */
  ondone = () => {};
  #wanted = { direction: "", type: "", text: "" };
  #items = new Map();
  #shownTo = 0;
  #current;
  #draw = soon(() => this.#show());

  constructor(recording, list) {
    this.recording = recording;
    this.list = list;
    list.addEventListener("keydown", (event) => this.#move(event));
    list.addEventListener("focusin", ({ target }) => {
      const item = target.closest("li");
      if (item) this.#makeCurrent(item);
    });
  }

  /** Shows what has been recorded meanwhile. */
  update() {
    this.#draw();
  }

  /** Shows only frames of a direction, a type, and with a text; `""` is any. */
  filter(wanted) {
    this.#wanted = wanted;
    this.#show(true);
  }

  pause(paused) {
    this.paused = paused;
    this.#show();
  }

  clear() {
    this.recording.clear();
    this.#shownTo = 0;
    this.#show(true);
  }

  #show(anew = false) {
    const { frames } = this.recording;
    const until = this.paused ? this.#shownTo : frames.at(-1)?.number ?? 0;
    const from = anew ? 0 : this.#shownTo;
    const fresh = frames.filter(({ number }) => number > from && number <= until)
      .filter((frame) => matches(frame, this.#wanted))
      .map((frame) => this.#itemOf(frame));
    const { scrollHeight, scrollTop, clientHeight } = this.list;
    // Who has scrolled up is reading there.
    const atEnd = scrollHeight - scrollTop - clientHeight < 40;
    if (anew) this.list.replaceChildren(...fresh);
    else this.list.append(...fresh);
    this.#shownTo = until;
    if (!this.paused) this.#forget(frames[0]?.number ?? Infinity);
    if (!this.list.contains(this.#current) && this.list.lastElementChild) {
      this.#makeCurrent(this.list.lastElementChild);
    }
    if (atEnd) this.list.scrollTop = this.list.scrollHeight;
    this.onshown({
      shown: this.list.childElementCount,
      all: frames.length,
      waiting: frames.filter(({ number }) => number > until).length,
    });
  }

  /** Drops what the recording has dropped: all before a number. */
  #forget(before) {
    for (const [number, item] of this.#items) {
      // Those shown late, by another filter, are not in order.
      if (number >= before) continue;
      item.remove();
      this.#items.delete(number);
    }
  }

  #itemOf(frame) {
    const item = this.#items.get(frame.number) ?? this.#draft(frame);
    this.#items.set(frame.number, item);
    return item;
  }

  #draft({ number, direction, at, since, size, text, types }) {
    const way = element("span", "way", WAYS[direction]);
    way.ariaHidden = "true";
    const line = element(
      "summary",
      "",
      way,
      element("span", "unseen", direction === "note" ? "" : `${direction} at `),
      element("time", "time", clock(at)),
      element("span", "since", since === undefined ? "" : `+${duration(since)}`),
      element("span", "size", direction === "note" ? "" : bytes(size)),
      element("strong", "type", types.join(", ")),
      element("span", "text", text.slice(0, 300)),
    );
    line.tabIndex = -1;
    const details = element("details", "", line);
    details.addEventListener("toggle", () => this.#open(details, text), { once: true });
    const item = element("li", "frame", details);
    item.dataset.direction = direction;
    item.dataset.number = number;
    item.classList.toggle("error", direction === "received" && types.includes("error"));
    return item;
  }

  #open(details, text) {
    const code = element("code", "", pretty(text));
    const shown = element("pre", "", code);
    shown.tabIndex = 0;
    shown.role = "region";
    shown.ariaLabel = "The whole frame";
    details.append(element(
      "div",
      "whole",
      shown,
      element(
        "div",
        "tools",
        button("Copy", async () => this.ondone(await copy(text, code))),
        button("Edit and send", () => this.onreuse(pretty(text))),
      ),
    ));
  }

  #move(event) {
    const to = event.target.matches("summary") &&
      KEYS[event.key]?.(event.target.closest("li"))?.querySelector("summary");
    if (!to) return;
    event.preventDefault();
    to.focus();
  }

  #makeCurrent(item) {
    const before = this.#current?.querySelector("summary");
    if (before) before.tabIndex = -1;
    this.#current = item;
    item.querySelector("summary").tabIndex = 0;
  }
}
