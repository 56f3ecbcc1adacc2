import { randomId, recall, remember } from "./session.js";

/**
 * A plain WebSocket to a room. It neither adds to what is sent nor comes back by itself. Its events:
 * `frame` with each frame (`{ direction, text }`), `message` with each message in those received,
 * `state` when `state` has changed, and `joining` before the first frame.
 */
export class Wire extends EventTarget {
  /** `offline`, `connecting` or `online`, and for `offline` why. */
  state = "offline";
  why = "";
  room = "";
  /** Who one is in the room: a secret, as a token is. */
  session = "";
  token = "";
  #socket;

  /** Joins a room, and leaves the one before. */
  join(room, { token = "", channel = "", batch = false } = {}) {
    this.leave();
    Object.assign(this, { room, token });
    this.session = recall(this.#place) ?? randomId();
    const query = new URLSearchParams({ room, session: this.session });
    if (token !== "") query.set("token", token);
    if (channel !== "") query.set("channel_id", channel);
    if (batch) query.set("batch", "1");
    this.#tell("joining");
    const socket = new WebSocket(`${location.origin.replace(/^http/, "ws")}/websocket?${query}`);
    this.#socket = socket;
    socket.onmessage = ({ data }) => this.#receive(data);
    socket.onclose = ({ code, reason }) => {
      this.#change(
        "offline",
        code === 1006 ? "Connection lost or refused" : `${code} ${reason}`.trim(),
      );
    };
    this.#change("connecting");
  }

  /** Closes the connection; what it would still say is not heard. */
  leave() {
    if (this.state === "offline") return;
    this.#socket.onmessage = this.#socket.onclose = null;
    this.#socket.close();
    this.#change("offline", "Left");
  }

  /** Sends a text as it is. Returns whether there is a connection to send it by. */
  send(text) {
    if (this.state !== "online") return false;
    this.#tell("frame", { direction: "sent", text });
    this.#socket.send(text);
    return true;
  }

  /** Calls `listener` with the detail of each event of a kind. */
  on(kind, listener) {
    this.addEventListener(kind, ({ detail }) => listener(detail));
  }

  get #place() {
    return `session of ${this.room}`;
  }

  #receive(text) {
    this.#tell("frame", { direction: "received", text });
    const content = JSON.parse(text);
    for (const message of Array.isArray(content) ? content : [content]) {
      if (message.type === "profile") remember(this.#place, this.session = message.data.id);
      if (message.type === "connection" && this.state === "connecting") this.#change("online");
      this.#tell("message", message);
    }
  }

  #change(state, why = "") {
    Object.assign(this, { state, why });
    this.#tell("state");
  }

  #tell(kind, detail) {
    this.dispatchEvent(new CustomEvent(kind, { detail }));
  }
}
