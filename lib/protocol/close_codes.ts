/** Why the server closes a socket, and what its client should do next. */
export interface CloseReason {
  readonly code: number;
  readonly reason: string;
}

/** Every close the server starts. */
export const CloseReasons = {
  /** The client asked for it. */
  normal: { code: 1000, reason: "closed as asked" },
  /** Send smaller messages. */
  tooLarge: { code: 1009, reason: "message too large" },
  /** Come back after `retry_ms` of the `draining` message. */
  restarting: { code: 1012, reason: "server restarting, come back" },
  /** Get a right key before coming back. */
  unauthenticated: { code: 4401, reason: "too many failed authentications" },
  /** Come back as somebody who may enter the room. */
  forbidden: { code: 4403, reason: "not allowed in this room any more" },
  /** Come back and read faster, or subscribe to less. */
  tooSlow: { code: 4408, reason: "too slow a reader" },
  /** Come back and send less. */
  rateLimited: { code: 4429, reason: "rate limit exceeded for too long" },
} as const satisfies Record<string, CloseReason>;
