/** After how long a hidden page counts as left alone, in milliseconds. */
const HIDDEN_MS = 60_000;

/** What a browser's document tells of attention. */
interface Page extends EventTarget {
  readonly hidden: boolean;
}

/** Tells whether somebody pays attention to the page; where there is none, somebody always does. */
export class Attention {
  /** Whether the page has been hidden for a while. */
  away = false;
  readonly #page = (globalThis as { document?: Page }).document;
  readonly #onChange: (away: boolean) => void;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(onChange: (away: boolean) => void) {
    this.#onChange = onChange;
    this.#page?.addEventListener("visibilitychange", this.#look);
    this.#look();
  }

  end(): void {
    clearTimeout(this.#timer);
    this.#page?.removeEventListener("visibilitychange", this.#look);
  }

  readonly #look = (): void => {
    clearTimeout(this.#timer);
    if (this.#page?.hidden) this.#timer = setTimeout(() => this.#turn(true), HIDDEN_MS);
    else this.#turn(false);
  };

  #turn(away: boolean): void {
    if (this.away === away) return;
    this.away = away;
    this.#onChange(away);
  }
}
