import { timingSafeEqual } from "@std/crypto/timing-safe-equal";
import { createHash } from "node:crypto";
import { ProtocolError } from "../errors.ts";

/** One connection's attempts to become an admin. */
export interface AdminAuthentication {
  /** @throws {ProtocolError} unless the signature is right. */
  verify(room: string, timestamp: string, signature: string, now: number): void;
  /** Whether the connection has failed too often in a row to be let try again. */
  readonly exhausted: boolean;
}

/** How far a signature's time may be from ours, either way, in milliseconds. */
const WINDOW_MS = 300_000;
/** How many failures in a row end a connection. */
const MAX_FAILURES = 5;

/**
 * Checks signatures of a room's admin: the SHA-256, in hexadecimal, of the room's name, the time
 * in milliseconds since 1970, and the signing key, one after the other.
 */
export class AdminVerifier {
  readonly #signingKey: string | undefined;

  /** @param signingKey absent or empty: there are no admins. */
  constructor(signingKey: string | undefined) {
    this.#signingKey = signingKey || undefined;
  }

  /**
   * @throws {ProtocolError} `admin_disabled`, `timestamp_out_of_range` or `authentication_failed`.
   */
  verify(room: string, timestamp: string, signature: string, now: number): void {
    if (this.#signingKey === undefined) {
      throw new ProtocolError(
        "admin_disabled",
        "This server has no ADMIN_SIGNING_KEY, so it has no admins.",
      );
    }
    // One writing of each time: what is signed is one text, which must not be cut elsewhere, so that
    // the signature would be another room's and time's.
    if (!/^[1-9]\d{0,15}$/.test(timestamp) || Math.abs(Number(timestamp) - now) > WINDOW_MS) {
      throw new ProtocolError(
        "timestamp_out_of_range",
        `The time ${timestamp} is not within five minutes of the server's, ${now}: sign anew.`,
      );
    }
    const expected = createHash("sha256").update(`${room}${timestamp}${this.#signingKey}`).digest();
    const given = /^[0-9a-f]{64}$/i.test(signature) ? hexToBytes(signature) : new Uint8Array(32);
    if (!timingSafeEqual(expected, given)) {
      throw new ProtocolError(
        "authentication_failed",
        "The signature is not that of this room, time and signing key.",
      );
    }
  }

  /** The attempts of one connection. */
  attempts(): AdminAuthentication {
    let failures = 0;
    return {
      verify: (...parameters) => {
        try {
          this.verify(...parameters);
          failures = 0;
        } catch (error) {
          if ((error as ProtocolError).code === "authentication_failed") failures++;
          throw error;
        }
      },
      get exhausted() {
        return failures >= MAX_FAILURES;
      },
    };
  }
}

function hexToBytes(hex: string): Uint8Array {
  return Uint8Array.from(hex.match(/../g)!, (pair) => parseInt(pair, 16));
}
