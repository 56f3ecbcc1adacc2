import type { ErrorHandler } from "hono";
import { type ErrorCode, toProtocolError } from "../lib/errors.ts";
import { type Environment, STATUS } from "./errors.ts";

/** Errors that only these routes have, with their statuses and the names they go by. */
const OWN = {
  NOT_AUTHENTICATED: [401, "UnauthenticatedError"],
  MESSAGES_INVALID_TARGET: [400, "ArgumentError"],
  MESSAGES_INVALID_TYPE: [400, "ArgumentError"],
  NOT_FOUND: [404, "NotFound"],
} as const;

/** An error of the routes under `/api`. */
export class DirectError extends Error {
  constructor(readonly code: keyof typeof OWN, message: string) {
    super(message);
  }
}

const NAMES: { readonly [code in ErrorCode]?: string } = {
  authentication_failed: "UnauthenticatedError",
  invalid_json: "ArgumentError",
  invalid_message: "ArgumentError",
  not_found: "NotFound",
};

/** Answers as clients of these routes know it: `{error:true, code, name, message, status}`. */
export const handleDirectError: ErrorHandler<Environment> = (error, context) => {
  if (error instanceof DirectError) {
    const { code, message } = error;
    const [status, name] = OWN[code];
    return context.json({ error: true, code, name, message, status }, status);
  }
  const fault = toProtocolError(error);
  const status = STATUS[fault.code];
  const code = fault.code === "authentication_failed"
    ? "INVALID_TOKEN_ERR"
    : fault.code.toUpperCase();
  const name = NAMES[fault.code] ?? "Error";
  return context.json({ error: true, code, name, message: fault.message, status }, status);
};
