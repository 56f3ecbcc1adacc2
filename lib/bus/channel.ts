/** What is needed of a `BroadcastChannel`. */
export interface Channel {
  onmessage: ((event: MessageEvent) => void) | null;
  postMessage(message: unknown): void;
  close(): void;
}

/** Opens a channel to the isolates of the same process, where there is such a thing. */
export type OpenChannel = (name: string) => Channel | undefined;

/** The runtime's own channel, which older runtimes lack. */
export const openBroadcastChannel: OpenChannel = (name) =>
  typeof BroadcastChannel === "undefined" ? undefined : new BroadcastChannel(name);

/** What siblings tell each other; each kind has a body of its own. */
interface Envelope {
  readonly from: string;
  /** Grows by one with each message of the sender's. */
  readonly number: number;
  readonly kind: string;
  readonly body: unknown;
}

export interface FastLaneEvents {
  onMessage(kind: string, body: unknown): void;
  /** Something that a sibling has sent did not come. */
  onMissed(): void;
}

const HELLO = "hello";
const HERE = "here";
const BYE = "bye";

/**
 * The fast way to isolates of the same process. It may lose, double and reorder what is sent, so
 * nothing may depend on it: messages are numbered, and a gap is told.
 */
export class FastLane {
  readonly #channel: Channel | undefined;
  readonly #events: FastLaneEvents;
  /** The last number heard of each sibling. */
  readonly #siblings = new Map<string, number>();
  #self = "";
  #number = 0;

  constructor(open: OpenChannel, name: string, events: FastLaneEvents) {
    this.#events = events;
    this.#channel = open(name);
    if (this.#channel) this.#channel.onmessage = ({ data }) => this.#receive(data);
  }

  /** Makes this isolate known under a name, in place of an earlier one. */
  introduce(self: string): void {
    if (this.#self !== "") this.send(BYE, null);
    this.#self = self;
    this.send(HELLO, null);
  }

  /** Whether a peer hears what is sent. */
  reaches(peer: string): boolean {
    return this.#siblings.has(peer);
  }

  /** Counts on a peer no more. */
  forget(peer: string): void {
    this.#siblings.delete(peer);
  }

  send(kind: string, body: unknown): void {
    const envelope: Envelope = { from: this.#self, number: ++this.#number, kind, body };
    this.#channel?.postMessage(envelope);
  }

  close(): void {
    if (!this.#channel) return;
    this.send(BYE, null);
    this.#channel.onmessage = null;
    this.#channel.close();
  }

  #receive({ from, number, kind, body }: Envelope): void {
    if (this.#self === "" || from === this.#self) return;
    if (kind === BYE) return this.forget(from);
    const last = this.#siblings.get(from);
    this.#siblings.set(from, Math.max(last ?? 0, number));
    if (last !== undefined && number > last + 1) this.#events.onMissed();
    if (kind === HELLO) this.send(HERE, null);
    else if (kind !== HERE) this.#events.onMessage(kind, body);
  }
}
