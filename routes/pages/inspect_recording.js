/** How many frames are kept, and bytes of them; for newer ones the oldest go. */
const KEPT_FRAMES = 3000;
const KEPT_BYTES = 30_000_000;

const encoder = new TextEncoder();

/** The frames of a while, in the order in which they went over the wire, and what closed it. */
export class Recording {
  /** `{ number, direction, at, since, size, text, types }`: times in milliseconds, bytes. */
  frames = [];
  #count = 0;
  #bytes = 0;
  #last;

  /** `direction` is `sent`, `received`, or for what is no frame `note`. */
  add(direction, text) {
    const at = performance.timeOrigin + performance.now();
    const since = this.#last === undefined ? undefined : at - this.#last;
    this.#last = at;
    const note = direction === "note";
    const size = note ? 0 : encoder.encode(text).length;
    const types = note ? ["connection state"] : typesOf(text);
    this.frames.push({ number: ++this.#count, direction, at, since, size, text, types });
    this.#bytes += size;
    while (this.frames.length > KEPT_FRAMES || this.#bytes > KEPT_BYTES) {
      this.#bytes -= this.frames.shift().size;
    }
  }

  clear() {
    this.frames = [];
    this.#bytes = 0;
  }

  /** All that is kept, as JSON. */
  export(room) {
    const frames = this.frames.map(({ number, direction, at, since, size, text }) => ({
      number,
      direction,
      time: new Date(at).toISOString(),
      since_last_ms: since === undefined ? null : Math.round(since * 1000) / 1000,
      bytes: size,
      text,
    }));
    return JSON.stringify({ room, exported: new Date().toISOString(), frames }, null, 2);
  }
}

/** Whether a frame is what somebody looks for: of a direction, a type, and with a text in it. */
export function matches({ direction, types, text }, wanted) {
  return (wanted.direction === "" || direction === wanted.direction) &&
    (wanted.type === "" || types.includes(wanted.type)) &&
    text.toLowerCase().includes(wanted.text.toLowerCase());
}

/** The types of the messages in a frame; a message with an `event` has none, and is called so. */
function typesOf(text) {
  try {
    const messages = [JSON.parse(text)].flat();
    const types = messages.map((message) => String(message?.type ?? message?.event ?? "none"));
    return types.length > 0 ? [...new Set(types)] : ["none"];
  } catch {
    return ["not JSON"];
  }
}
