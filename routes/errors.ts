import type { Context, ErrorHandler } from "hono";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import { type ErrorCode, ProtocolError, toProtocolError } from "../lib/errors.ts";

/** What the runtime tells of a request, beside the request. */
export interface Environment {
  readonly Bindings: { readonly remoteAddress: string | undefined };
}

export type AppContext = Context<Environment>;

/** The HTTP status of each code. */
export const STATUS: Record<ErrorCode, ContentfulStatusCode> = {
  invalid_json: 400,
  invalid_message: 400,
  not_allowed: 403,
  authentication_failed: 401,
  timestamp_out_of_range: 401,
  admin_disabled: 403,
  not_found: 404,
  limit_exceeded: 429,
  counter_overflow: 409,
  rate_limited: 429,
  message_too_large: 413,
  unavailable: 503,
  internal: 500,
};

/** Answers with an error as JSON: `{"error":{"code":…,"message":…}}`. */
export function refuse(
  context: AppContext,
  status: ContentfulStatusCode,
  code: ErrorCode | "upgrade_required",
  message: string,
): Response {
  return context.json({ error: { code, message } }, status);
}

/** Turns what a route throws into its answer. */
export const handleError: ErrorHandler<Environment> = (error, context) => {
  const { code, message } = toProtocolError(error);
  return refuse(context, STATUS[code], code, message);
};

/** Answers for paths that are nothing. */
export function notFound(context: AppContext): Response {
  const { code, message } = new ProtocolError("not_found", `There is no ${context.req.path} here.`);
  return refuse(context, STATUS[code], code, message);
}
