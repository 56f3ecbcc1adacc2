import type { Backend } from "../backend.ts";
import type { Change, Need, RoomView } from "../committer/change.ts";
import { addToCounter, castVote } from "../committer/changes.ts";
import { parseDecimal } from "../decimal.ts";
import { ProtocolError } from "../errors.ts";
import type { Json } from "../protocol/json.ts";
import type { Target, TargetKind } from "../protocol/target.ts";
import type { FunctionRoom, Notification, Notify } from "./function.ts";

/** What one call may do: a commit takes so many checks, mutations and bytes. */
const MAX_CHECKED = 6;
const MAX_CHANGES = 60;
const MAX_LENGTH = 130_000;
/** What a change takes beside its contents, in characters. */
const CHANGE_LENGTH = 100;

export interface TransactionStart {
  readonly room: string;
  /** Where the room is read, as committed. */
  readonly backend: Pick<Backend, "state" | "last">;
  readonly session: string;
  readonly clientId?: string;
  readonly maxPollAnswers: number;
  readonly maxIdBytes: number;
}

/** Thrown where what a call has read has changed before it could be committed. */
export class StaleRead extends ProtocolError {
  constructor() {
    super("unavailable", "Too many others are changing what the call reads: nothing was applied.");
  }
}

/**
 * What one run of a function does: reads go to the store, and all else is gathered, to be
 * committed together once the function has returned.
 */
export class Transaction {
  readonly room: FunctionRoom;
  readonly notify: Notify;
  readonly signals: { readonly event: string; readonly data: Json }[] = [];
  readonly #read = new Map<string, Promise<string | undefined>>();
  /** Key → the version that was read. */
  readonly #versions = new Map<string, string | null>();
  readonly #set = new Map<string, string | undefined>();
  readonly #added = new Map<string, bigint>();
  readonly #votes = new Map<string, string>();
  readonly #events: NonNullable<Change["event"]>[] = [];
  readonly #sends: NonNullable<Change["send"]>[] = [];
  #changes = 0;
  #length = 0;
  #ended = false;

  constructor(readonly start: TransactionStart) {
    this.room = this.#createRoom();
    this.notify = this.#createNotify();
  }

  /** Whether there is nothing to be committed: what was only read need not be so still. */
  get empty(): boolean {
    const gathered = this.#set.size + this.#added.size + this.#votes.size;
    return gathered + this.#events.length + this.#sends.length === 0;
  }

  /** About how long all is that is to be committed, in characters. */
  get length(): number {
    return this.#length;
  }

  /** How many mutations all of it may take. */
  get mutations(): number {
    return 5 * this.#changes;
  }

  /** Lets nothing more be done: the function has returned, or has taken too long. */
  end(): void {
    this.#ended = true;
  }

  /** What must be seen to commit it. */
  needs(): Need[] {
    const { session } = this.start;
    return [
      ...[...this.#versions.keys()].map((key): Need => ({ kind: "data", key })),
      ...[...this.#added].map(([counter, delta]): Need => ({ kind: "counter", counter, delta })),
      ...[...this.#votes].map(([poll, answer]): Need => ({ kind: "vote", poll, session, answer })),
      ...this.#sends.map(({ target }): Need => ({ kind: "target", target })),
    ];
  }

  /**
   * All of it, as changes to be made together.
   *
   * @throws {StaleRead} if what was read is not so any more.
   */
  changes(view: RoomView): Change[] {
    for (const [key, version] of this.#versions) {
      if (!view.dataIsAt(key, version)) throw new StaleRead();
    }
    const { session, maxPollAnswers } = this.start;
    return [
      ...[...this.#set].map(([key, text]) => ({ data: { key, text } })),
      ...[...this.#added].map(([counter, delta]) => addToCounter(view, counter, delta)),
      ...[...this.#votes].map(([poll, answer]) => {
        return castVote(view, { poll, session, answer }, maxPollAnswers);
      }),
      ...this.#events.map((event) => ({ event })),
      ...this.#sends.map((send) => ({ send })),
    ];
  }

  #createRoom(): FunctionRoom {
    const { room, backend } = this.start;
    const { state } = backend;
    return {
      name: room,
      counter: {
        value: (id) => state.counter(room, this.#id(id)),
        add: (id, delta = 1) => this.#add(this.#id(id), delta),
      },
      poll: {
        stats: async (id) => Object.fromEntries(await state.poll(room, this.#id(id))),
        vote: (id, answer) => {
          const [poll, given] = [this.#id(id), this.#id(answer)];
          this.#spend(answer.length, !this.#votes.has(poll));
          this.#votes.set(poll, given);
        },
      },
      data: {
        get: (key) => this.#get(this.#id(key)),
        set: (key, value) => {
          const text = value === null ? undefined : JSON.stringify(value);
          const name = this.#id(key);
          this.#spend(text?.length ?? 0);
          this.#set.set(name, text);
        },
      },
      log: {
        broadcast: (type, data, { to = "broadcast" } = {}) => {
          const message = JSON.stringify({ type, data });
          const topic = this.#id(to);
          this.#spend(message.length);
          this.#events.push({ topic, message });
        },
        last: async (count) => (await backend.last(room, count)).map((frame) => JSON.parse(frame)),
      },
      signal: (event, data) => {
        const name = this.#id(event);
        this.#spend(JSON.stringify(data).length);
        this.signals.push({ event: name, data });
      },
    };
  }

  #createNotify(): Notify {
    const { clientId } = this.start;
    const send = (kind: TargetKind) => (ids: readonly string[], message: Notification): void => {
      const target: Target = { kind, ids: ids.map((id) => this.#id(id)) };
      const frame = JSON.stringify(message);
      this.#spend(frame.length);
      if (ids.length > 0) this.#sends.push({ target, frame });
    };
    return {
      self: (message) => clientId === undefined ? undefined : send("client")([clientId], message),
      users: send("user"),
      channels: send("channel"),
      clients: send("client"),
      rooms: send("room"),
    };
  }

  #add(id: string, given: number | string): void {
    const delta = parseDecimal(given);
    if (delta === undefined) throw new TypeError(`Cannot add ${given}: it is no decimal`);
    this.#spend(0, !this.#added.has(id));
    this.#added.set(id, (this.#added.get(id) ?? 0n) + delta);
  }

  async #get(key: string): Promise<Json> {
    const text = this.#set.has(key) ? this.#set.get(key) : await this.#readOnce(key);
    return text === undefined ? null : JSON.parse(text);
  }

  /** Reads a value, once: what the commit checks is what the function has seen. */
  #readOnce(key: string): Promise<string | undefined> {
    let reading = this.#read.get(key);
    if (!reading) {
      this.#spend(0, true);
      const { room, backend } = this.start;
      reading = backend.state.data(room, key).then(({ text, version }) => {
        this.#versions.set(key, version);
        return text;
      });
      // A function need not wait for what it has asked for.
      reading.catch(() => {});
      this.#read.set(key, reading);
    }
    return reading;
  }

  /** Accounts for one more thing to be done, of a length, and perhaps checked by the commit. */
  #spend(length: number, checked = false): void {
    if (this.#ended) throw new Error("The call has ended: nothing more can be done in it");
    this.#changes++;
    this.#length += length + CHANGE_LENGTH;
    const checks = this.#read.size + this.#added.size + this.#votes.size + (checked ? 1 : 0);
    if (this.#changes > MAX_CHANGES || this.#length > MAX_LENGTH || checks > MAX_CHECKED) {
      throw new Error(
        `A call does at most ${MAX_CHANGES} things, of ${MAX_LENGTH} characters together, and ` +
          `reads or changes ${MAX_CHECKED} values, counters and polls`,
      );
    }
  }

  #id(id: string): string {
    const length = new TextEncoder().encode(id).length;
    if (length > 0 && length <= this.start.maxIdBytes && id.isWellFormed()) return id;
    throw new TypeError(`Not a name of 1 to ${this.start.maxIdBytes} bytes: ${id}`);
  }
}
