import type { Client } from "../api.ts";
import { holdClient, releaseClient } from "./clients.ts";
import { h } from "./dom.ts";
import { sheetOf } from "./style.ts";

/** Where the script came from, which is where its server is. */
const HOME = new URL(import.meta.url).origin;

/**
 * A widget in a room. It is built anew whenever it is put into a page, or its attributes change, and
 * says so while there is no connection.
 */
export abstract class TallyElement extends HTMLElement {
  static readonly observedAttributes: readonly string[] = ["room", "endpoint"];
  /** What is specific to the widget's looks. */
  static readonly css: string = "";

  readonly #root: ShadowRoot;
  #client: Client | undefined;
  #ends: (() => void)[] = [];
  #due = false;

  constructor() {
    super();
    this.#root = this.attachShadow({ mode: "open", delegatesFocus: true });
    this.#root.adoptedStyleSheets = sheetOf(new.target.css);
  }

  connectedCallback(): void {
    this.#renew();
  }

  disconnectedCallback(): void {
    this.#stop();
  }

  attributeChangedCallback(): void {
    if (this.#client) this.#renew();
  }

  /** Fills the widget, and brings it to life. What is to be ended is given to `until`. */
  protected abstract start(client: Client): Iterable<Node>;

  /** Has something ended when the widget leaves the page, or is built anew. */
  protected until(end: () => void): void {
    this.#ends.push(end);
  }

  /** Calls a listener of the server's, or of the page's, for as long as the widget lives. */
  protected text(name: string, otherwise = ""): string {
    return this.getAttribute(name) ?? otherwise;
  }

  /** Attributes that are set one after the other are taken over together. */
  #renew(): void {
    if (this.#due) return;
    this.#due = true;
    queueMicrotask(() => {
      this.#due = false;
      this.#stop();
      if (this.isConnected) this.#begin();
    });
  }

  #begin(): void {
    const client = holdClient(this.text("endpoint", HOME), this.text("room", "default"));
    this.#client = client;
    const offline = h("p", { part: "offline", role: "status" });
    const tell = (): void => {
      this.toggleAttribute("offline", !client.isConnected);
      offline.textContent = client.isConnected
        ? ""
        : client.getStatus() === "OFFLINE"
        ? "Disconnected."
        : "Connecting …";
    };
    this.until(client.onStatusChange(tell));
    tell();
    this.#root.replaceChildren(...this.start(client), offline);
  }

  #stop(): void {
    for (const end of this.#ends.splice(0)) end();
    if (this.#client) releaseClient(this.#client);
    this.#client = undefined;
  }
}
