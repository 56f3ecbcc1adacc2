import { ProtocolError } from "../errors.ts";

/** Thrown when a call to the store has not answered in time; its effect is unknown. */
export class StoreTimeout extends ProtocolError {
  override name = "StoreTimeout";
  constructor(ms: number) {
    super("unavailable", `The store did not answer within ${ms} ms: try again later.`);
  }
}

/**
 * The outcome of `call`, or a {@linkcode StoreTimeout} once `ms` milliseconds have passed. The call
 * itself goes on: the runtime offers no way to cancel it.
 */
export function deadline<T>(call: Promise<T>, ms: number): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new StoreTimeout(ms)), ms);
    call.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
