import type { Client, DataOf, Failure, Listener } from "../api.ts";
import { holdClient, releaseClient } from "./clients.ts";
import { h } from "./dom.ts";
import { introduce } from "./introduction.ts";
import { type Standing, watchStanding } from "./standing.ts";
import { sheetOf } from "./style.ts";

/** Where the script came from, which is where its server is. */
const HOME = new URL(import.meta.url).origin;
/** How long a first connection may take before anything is said of it, in milliseconds. */
const PATIENCE_MS = 1000;

/**
 * A widget in a room. It is built anew when it is put into a page, or its attributes change, but not
 * when it is moved; it says so while there is no connection.
 */
export abstract class TallyElement extends HTMLElement {
  static readonly observedAttributes: readonly string[] = ["room", "endpoint", "name"];
  /** What is specific to the widget's looks. */
  static readonly css: string = "";

  readonly #root: ShadowRoot;
  readonly #error = h("p", { part: "error", role: "alert", dir: "auto" });
  readonly #offline = h("p", { part: "offline", role: "status", dir: "auto" });
  #client: Client | undefined;
  #ends: (() => void)[] = [];
  #due = false;
  #outdated = true;
  #standing: Standing = "CONNECTING";
  #patient = true;
  #waiting = 0;
  #attempts = 0;
  #failed = 0;

  constructor() {
    super();
    this.#root = this.attachShadow({ mode: "open" });
    this.#root.adoptedStyleSheets = sheetOf(new.target.css);
  }

  connectedCallback(): void {
    this.#renew();
  }

  disconnectedCallback(): void {
    this.#renew();
  }

  attributeChangedCallback(name: string, before: string | null, after: string | null): void {
    if (before === after) return;
    if (name === "name") {
      if (this.#client) introduce(this.#client, this.text("name"));
      return;
    }
    this.#outdated = true;
    this.#renew();
  }

  override focus(options?: FocusOptions): void {
    // To write first, if one can write.
    const target = this.#root.querySelector<HTMLElement>("input") ??
      this.#root.querySelector<HTMLElement>("button:not([hidden])");
    target?.focus(options);
  }

  /** Fills the widget, and brings it to life. What is to be ended is given to `until`. */
  protected abstract start(client: Client): Iterable<Node>;

  /** Has something ended when the widget leaves the page, or is built anew. */
  protected until(end: () => void): void {
    this.#ends.push(end);
  }

  /** An attribute's text; `otherwise`, where there is none. */
  protected text(name: string, otherwise = ""): string {
    return this.getAttribute(name)?.trim() || otherwise;
  }

  /** Subscribes for as long as the widget lives; it says so if the server refuses. */
  protected follow<Topic extends string>(
    client: Client,
    topic: Topic,
    listener: Listener<DataOf<Topic>>,
  ): void {
    this.until(client.subscribe(topic, listener));
    this.toldOf(client, topic);
  }

  /** Shows why a topic's subscription was refused, or the connection ended for good. */
  protected toldOf(client: Client, topic: string): void {
    const refused: Listener<DataOf<"error">> = ({ code, event, message }) => {
      if (event === topic || code === "closed") this.#error.textContent = message;
    };
    client.on("error", refused);
    this.until(() => client.off("error", refused));
  }

  /** Shows that something waits to be sent, and why it was refused; whether it was done. */
  protected async attempt(sent: Promise<unknown>): Promise<boolean> {
    const attempt = ++this.#attempts;
    this.#waiting++;
    this.#tell();
    try {
      await sent;
      // A refusal may overtake what was sent before.
      if (attempt > this.#failed) this.#error.textContent = "";
      return true;
    } catch (failure) {
      this.#failed = attempt;
      this.#error.textContent = (failure as Failure).error.message;
      return false;
    } finally {
      this.#waiting--;
      this.#tell();
    }
  }

  /** What has `render` called before the next frame, once, however often it is called itself. */
  protected perFrame(render: () => void): () => void {
    let frame = 0;
    this.until(() => cancelAnimationFrame(frame));
    return () => {
      frame ||= requestAnimationFrame(() => {
        frame = 0;
        render();
      });
    };
  }

  /** Once for all that a page does in one go: several attributes, or a move. */
  #renew(): void {
    if (this.#due) return;
    this.#due = true;
    queueMicrotask(() => {
      this.#due = false;
      if (this.isConnected && this.#client && !this.#outdated) return;
      this.#stop();
      if (this.isConnected) this.#begin();
    });
  }

  #begin(): void {
    this.#outdated = false;
    this.#error.textContent = "";
    const endpoint = new URL(this.text("endpoint", HOME), document.baseURI);
    const client = holdClient(endpoint.href, this.text("room", "default"));
    this.#client = client;
    const content = [...this.start(client)];
    this.#root.replaceChildren(...content, this.#error, this.#offline);
    const name = this.text("name");
    if (name !== "") introduce(client, name);
    this.#patient = true;
    const patience = setTimeout(() => {
      this.#patient = false;
      this.#tell();
    }, PATIENCE_MS);
    this.until(() => clearTimeout(patience));
    this.until(watchStanding(client, (standing) => {
      this.#standing = standing;
      this.#tell();
    }));
  }

  #tell(): void {
    const waiting = this.#waiting === 0 ? "" : ` ${this.#waiting} to be sent then.`;
    const texts: Record<Standing, string> = {
      CONNECTING: this.#patient ? "" : "Connecting …",
      ONLINE: "",
      AWAY: "",
      OFFLINE: `Offline, until the connection is back.${waiting}`,
      ENDED: "Disconnected.",
    };
    const text = texts[this.#standing];
    this.toggleAttribute("offline", this.#standing === "OFFLINE" || this.#standing === "ENDED");
    if (this.#offline.textContent !== text) this.#offline.textContent = text;
  }

  #stop(): void {
    for (const end of this.#ends.splice(0)) end();
    if (this.#client) releaseClient(this.#client);
    this.#client = undefined;
  }
}
