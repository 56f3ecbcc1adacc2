/** Thrown when a call to the store has not answered in time; its effect is unknown. */
export class StoreTimeout extends Error {
  override name = "StoreTimeout";
}

/**
 * The outcome of `call`, or a {@linkcode StoreTimeout} once `ms` milliseconds have passed. The call
 * itself goes on: the runtime offers no way to cancel it.
 */
export function deadline<T>(call: Promise<T>, ms: number): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(
      () => reject(new StoreTimeout(`The store did not answer within ${ms} ms`)),
      ms,
    );
    call.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
