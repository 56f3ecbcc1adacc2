import { createHash } from "node:crypto";

/** The cookie that brings a browser back to its session. */
export const SESSION_COOKIE = "tallyroom_session";

/** What a session's id may look like, so that it fits into a cookie and a header. */
const PATTERN = /^[A-Za-z0-9._~-]{1,128}$/;

export function isSessionId(text: string): boolean {
  return PATTERN.test(text);
}

/** A new session's id. Whoever knows it is its owner. */
export function newSessionId(): string {
  return crypto.randomUUID();
}

/** The name under which a session's owner is known to others; the session cannot be told from it. */
export function publicUserId(session: string): string {
  return createHash("sha256").update(`tallyroom/user/${session}`).digest("base64url").slice(0, 22);
}
