import { element } from "./inspect_dom.js";
import { fieldsOf } from "./inspect_field.js";
import { pretty } from "./inspect_pretty.js";
import { bytes, duration } from "./inspect_units.js";
import { part } from "./page.js";

const encoder = new TextEncoder();

/** Sends any message: from a form made of its schema, or as text. Shows what is answered. */
export class Sender {
  #types = new Map();
  #fields;
  #nextId = 1;
  /** What the answer shown is for: the id, and when it was sent. */
  #asked;

  /** `messages` are those of the server's AsyncAPI document. */
  constructor(wire, messages) {
    this.wire = wire;
    for (const message of messages) this.#types.set(message.name, message);
    this.#listTypes();
    const form = part("send-form");
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#send();
    });
    form.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
    });
    form.addEventListener("input", () => this.#preview());
    part("type").addEventListener("change", () => this.#chooseType());
    part("example").addEventListener("change", () => this.#fillIn());
    part("mode-form").addEventListener("change", () => this.#showMode());
    part("mode-raw").addEventListener("change", () => {
      this.#draft();
      this.#showMode();
    });
    wire.on("message", (message) => this.#receive(message));
    part("type").value = "chat";
    this.#chooseType();
    this.#showMode();
  }

  /** Shows a text to be changed and sent. */
  edit(text) {
    part("mode-raw").checked = true;
    part("raw").value = text;
    this.#showMode();
    part("raw").focus();
  }

  get #raw() {
    return part("mode-raw").checked;
  }

  #listTypes() {
    const all = [...this.#types.values()];
    for (const [label, admin] of [["For everyone", false], ["For admins", true]]) {
      const group = element("optgroup");
      group.label = label;
      const those = all.filter((message) => message["x-admin"] === admin);
      group.append(...those.map(({ name }) => new Option(name, name)));
      part("type").append(group);
    }
  }

  #chooseType() {
    const { summary = "", examples = [], payload } = this.#types.get(part("type").value);
    part("summary").textContent = summary;
    const options = examples.map(({ name }, index) => new Option(name, index));
    part("example").replaceChildren(new Option("None", ""), ...options);
    this.#fields = fieldsOf(payload);
    part("fields").replaceChildren(...this.#fields.elements);
    this.#fillIn();
  }

  #fillIn() {
    const { examples = [], name } = this.#types.get(part("type").value);
    const example = examples[part("example").value]?.payload ?? { type: name };
    this.#fields.fill({ id: String(this.#nextId), ...example });
    this.#draft();
    this.#preview();
  }

  /** Begins the raw text with what is in the form. */
  #draft() {
    part("raw").value = pretty(JSON.stringify(this.#message()));
  }

  #message() {
    return { type: part("type").value, ...this.#fields.read() };
  }

  #showMode() {
    part("fields").hidden = part("preview-field").hidden = part("summary").hidden = this.#raw;
    part("raw-field").hidden = !this.#raw;
    this.#preview();
  }

  #preview() {
    // The hidden fields' faults must not keep the form from being sent.
    for (const control of part("fields").querySelectorAll("input, select, textarea")) {
      control.disabled = this.#raw;
    }
    const text = JSON.stringify(this.#message());
    part("preview").textContent = text;
    part("preview-size").textContent = bytes(encoder.encode(text).length);
  }

  #send() {
    const text = this.#raw ? part("raw").value : JSON.stringify(this.#message());
    const id = idOf(text);
    this.#asked = { id, at: performance.now() };
    if (!this.wire.send(text)) return this.#answer("Join a room first.", "error");
    this.#answer(id === undefined ? "Sent, with no id to be answered by." : "Sent.");
    if (this.#raw || id !== String(this.#nextId)) return;
    this.#fields.fill({ ...this.#message(), id: String(++this.#nextId) });
    this.#preview();
  }

  #receive({ type, id, data }) {
    if (type !== "ack" && type !== "error" || !this.#asked || id !== this.#asked.id) return;
    const after = duration(performance.now() - this.#asked.at);
    this.#asked = undefined;
    const named = id === undefined ? "" : ` ${id}`;
    if (type === "error") this.#answer(`Refused${named}: ${data.code}. ${data.message}`, "error");
    else this.#answer(`Acknowledged${named} after ${after}. ${briefly(data)}`, "ack");
  }

  #answer(text, kind = "") {
    part("answer").textContent = text;
    part("answer").dataset.kind = kind;
  }
}

/** A value as JSON, no longer than one cares to read here: all of it is among the frames. */
function briefly(value) {
  const text = JSON.stringify(value ?? "");
  return text.length > 200 ? `${text.slice(0, 200)}…` : text.replace(/^""$/, "");
}

/** The id that an answer to this text will have. */
function idOf(text) {
  try {
    const id = JSON.parse(text)?.id;
    return typeof id === "string" || typeof id === "number" ? id : undefined;
  } catch {
    return undefined;
  }
}
