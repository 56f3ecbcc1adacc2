import type { Backend } from "../backend.ts";
import { ProtocolError } from "../errors.ts";
import type { Room } from "../hub/room.ts";
import { isJsonObject, isWithinDepth, type Json } from "../protocol/json.ts";
import { invalidMessage } from "../protocol/message.ts";
import { isRemembered, keys, type OnceRecord } from "../store/keys.ts";
import type { AnyFunction, FunctionCaller, FunctionContext } from "./function.ts";
import { getStats } from "./get_stats.ts";
import { StaleRead, Transaction } from "./transaction.ts";
import { Turns } from "./turns.ts";

/** A call of a function. */
export interface Call {
  readonly input: Json;
  /** Where in the message the input lies, for telling where a fault in it is. */
  readonly path?: string;
  readonly room: string;
  readonly caller: FunctionCaller;
  /** Whose `key` it is. */
  readonly session: string;
  /** Set: the call has its effect once, and is answered the same however often it is made. */
  readonly key?: string;
}

export interface FunctionsOptions {
  readonly backend: Backend;
  readonly stats: () => Promise<{ [name: string]: Json }>;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly timeoutMs: number;
  readonly maxPollAnswers: number;
  readonly maxIdBytes: number;
  readonly maxDepth: number;
}

/** How often a call is run when what it reads changes again and again. */
const MAX_RUNS = 50;
/** How long the answer of a call with a key may be, in characters: it is kept in one value. */
const MAX_ANSWER_LENGTH = 30_000;

/** The functions that clients can call. */
export class Functions {
  readonly #byName = new Map<string, AnyFunction>([[getStats.name, getStats]]);
  readonly #turns = new Turns();

  constructor(functions: readonly AnyFunction[], readonly options: FunctionsOptions) {
    for (const definition of functions) {
      const { name } = definition;
      if (this.#byName.has(name)) throw new Error(`There are two functions called ${name}`);
      this.#byName.set(name, definition);
    }
  }

  find(name: string): AnyFunction | undefined {
    return this.#byName.get(name);
  }

  /**
   * Calls a function and commits what it has done.
   *
   * @returns its answer.
   * @throws {ProtocolError} when it refuses, or what it did could not be committed.
   */
  async call(definition: AnyFunction, call: Call): Promise<Json> {
    if (definition.admin && call.caller.role !== "admin") {
      throw new ProtocolError("not_allowed", `Only admins may call ${definition.name}.`);
    }
    const input = this.#parse(definition, call);
    const { hub } = this.options.backend;
    const room = hub.hold(call.room);
    try {
      return await this.#answer(room, definition, input, call);
    } finally {
      hub.release(room);
    }
  }

  #parse(definition: AnyFunction, { input, path }: Call): unknown {
    const { maxDepth } = this.options;
    if (!isJsonObject(input) || !isWithinDepth(input, maxDepth)) {
      throw new ProtocolError(
        "invalid_message",
        `${path ?? "The input"}: must be an object of at most ${maxDepth} levels.`,
        path ?? "",
      );
    }
    const result = definition.input.safeParse(input);
    if (result.success) return result.data;
    throw invalidMessage(result.error, path, path);
  }

  async #answer(room: Room, definition: AnyFunction, input: unknown, call: Call): Promise<Json> {
    for (let run = 1;; run++) {
      const earlier = await this.#earlier(call);
      if (earlier !== undefined) return JSON.parse(earlier);
      const once = (): Promise<Json> => this.#runOnce(room, definition, input, call);
      try {
        // Those that got into each other's way take turns, so that one after the other gets through.
        return run === 1 ? await once() : await this.#turns.take(room.name, once);
      } catch (error) {
        if (error instanceof StaleRead && run < MAX_RUNS) continue;
        // It may have refused because of what the same call, sent before, has done meanwhile.
        const meanwhile = await this.#earlier(call).catch(() => undefined);
        if (meanwhile !== undefined) return JSON.parse(meanwhile);
        throw error;
      }
    }
  }

  /** What the same call was answered before, as JSON text. */
  async #earlier({ room, session, key }: Call): Promise<string | undefined> {
    if (key === undefined) return undefined;
    const { backend: { store }, now } = this.options;
    const { value } = await store.get<OnceRecord>(keys.once(room, session, key));
    return value && isRemembered(value, now()) ? value.ack : undefined;
  }

  async #runOnce(room: Room, definition: AnyFunction, input: unknown, call: Call): Promise<Json> {
    const { backend, now, stats, maxPollAnswers, maxIdBytes } = this.options;
    const { caller, session, key } = call;
    const transaction = new Transaction({
      backend,
      room: room.name,
      session,
      clientId: caller.clientId,
      maxPollAnswers,
      maxIdBytes,
    });
    const controller = new AbortController();
    const context: FunctionContext = {
      caller,
      room: transaction.room,
      notify: transaction.notify,
      stats,
      now: now(),
      abort: controller.signal,
    };
    const result = await this.#inTime(controller, () => definition.run(input, context))
      .finally(() => transaction.end());
    const text = JSON.stringify(result ?? null);
    if (key !== undefined && text.length > MAX_ANSWER_LENGTH) {
      throw new Error(`The answer of ${definition.name} is too long to be kept for its key`);
    }
    const answer: Json = JSON.parse(text);
    if (!transaction.empty || key !== undefined) {
      const { ack, repeated } = await this.#commit(room, transaction, call, answer);
      if (repeated) return JSON.parse(ack);
    }
    if (transaction.signals.length > 0) await this.#signal(room, transaction, caller);
    return answer;
  }

  /** What `run` returns, unless it takes too long. */
  async #inTime(
    controller: AbortController,
    run: () => Json | void | Promise<Json | void>,
  ): Promise<Json | void> {
    const running = runSafely(run);
    if (!(running instanceof Promise)) return running;
    const { timeoutMs } = this.options;
    const { promise: tooLong, reject } = Promise.withResolvers<never>();
    const timer = setTimeout(() => {
      controller.abort();
      reject(
        new ProtocolError(
          "unavailable",
          `The function did not answer within ${timeoutMs} ms: nothing was applied.`,
        ),
      );
    }, timeoutMs);
    try {
      return await Promise.race([running, tooLong]);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Commits what a function has done, unless the same call has been made before. */
  async #commit(
    room: Room,
    transaction: Transaction,
    { session, key }: Call,
    result: Json,
  ): Promise<{ ack: string; repeated: boolean }> {
    return await this.options.backend.committer.ask({
      room,
      session,
      key,
      size: transaction.length,
      mutations: transaction.mutations,
      needs: () => transaction.needs(),
      handle: (view) => [{ result }, ...transaction.changes(view)],
    });
  }

  async #signal(
    room: Room,
    { signals }: Transaction,
    { clientId, profile, userId }: FunctionCaller,
  ): Promise<void> {
    const { committer } = this.options.backend;
    // Only who is on a room's roster knows who else is.
    if (room.sharing && !room.sharing.joined) await committer.change(room, () => ({}));
    for (const { event, data } of signals) {
      const frame = JSON.stringify({ type: "signal", data: { event, data, user: profile } });
      room.sendSignal(`signal:${event}`, frame, clientId ?? userId);
    }
  }
}

/** Runs a program's own code, which may throw anything. */
function runSafely<T>(run: () => T | Promise<T>): T | Promise<T> {
  try {
    const result = run();
    return result instanceof Promise ? result.catch(rethrow) : result;
  } catch (error) {
    return rethrow(error);
  }
}

function rethrow(error: unknown): never {
  throw error instanceof Error ? error : new Error("Something was thrown", { cause: error });
}
