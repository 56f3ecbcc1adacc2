/** Every code an `error` message may carry. Stable: clients branch on it. */
export type ErrorCode =
  | "invalid_json"
  | "invalid_message"
  | "not_allowed"
  | "authentication_failed"
  | "timestamp_out_of_range"
  | "admin_disabled"
  | "not_found"
  | "limit_exceeded"
  | "counter_overflow"
  | "rate_limited"
  | "message_too_large"
  | "unavailable"
  | "internal";

/**
 * A failure that its causer is told of: `code` for programs, `message` for people, saying what to
 * change. Any other error that reaches a client's edge becomes `internal` and keeps its text.
 */
export class ProtocolError extends Error {
  constructor(
    readonly code: ErrorCode,
    message: string,
    /** Where in the message the fault lies, such as `data.value`; for `invalid_message`. */
    readonly path?: string,
  ) {
    super(message);
    this.name = "ProtocolError";
  }
}

/** Told of errors that nobody foresaw. */
type Reporter = (error: unknown) => void;
let report: Reporter = (error) => console.error(error);

/** Sets who is told of errors whose text is not for clients. */
export function setErrorReporter(reporter: Reporter): void {
  report = reporter;
}

/** Reports an error that no client is told of. */
export function reportError(error: unknown): void {
  report(error);
}

/** `error` as a client may be told of it: one that was not meant for clients is `internal`. */
export function toProtocolError(error: unknown): ProtocolError {
  if (error instanceof ProtocolError) return error;
  report(error);
  return new ProtocolError("internal", "The server failed on this message; it has been logged.");
}
