import type { JWTPayload, JWTVerifyGetKey, JWTVerifyOptions } from "jose";
import { ProtocolError } from "../errors.ts";
import { fitsBytes, type Json } from "../protocol/json.ts";

/** Who a token says somebody is. */
export interface Identity {
  readonly userId: string;
  /** Until when, in milliseconds since 1970; absent: for good. */
  readonly expiresAt?: number;
  /** What the token says of its user that is for others to see. */
  readonly said?: { readonly [claim: string]: Json };
}

export interface TokenOptions {
  /** The secret of HS256 tokens. */
  readonly secret?: string;
  /** Where the public keys of all others are. */
  readonly jwksUrl?: string;
  readonly issuer?: string;
  readonly audience?: string;
  /** How far clocks may differ, in seconds. */
  readonly leewaySeconds: number;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/** The algorithms of keys that are public. With them and the secret apart, neither passes for the other. */
const PUBLIC_ALGORITHMS = ["RS256", "ES256", "EdDSA", "Ed25519"];
/** The claims that others may see: those of OpenID Connect Core 1.0, section 5.1, and the role. */
const PUBLIC_CLAIMS = "username preferred_username name nickname picture website role".split(" ");
const MAX_TOKEN_LENGTH = 8192;
/** How many tokens that have held are remembered, and how long, in milliseconds. */
const MAX_HELD = 1000;
const HELD_MS = 60_000;
const MAX_USER_ID_BYTES = 256;
/** What goes wrong with the public keys, and not with a token. */
const KEY_FAULTS = ["ERR_JOSE_GENERIC", "ERR_JWKS_TIMEOUT", "ERR_JWKS_INVALID"];
/** How long the server of the public keys may take, in milliseconds. */
const JWKS_TIMEOUT_MS = 5000;

/** Loaded with the first token: it takes some megabytes, which those without users need not pay. */
const loadJose = (): Promise<typeof import("jose")> => import("jose");

/** Checks JSON Web Tokens: RFC 7519, by a shared secret or the public keys of a JWKS (RFC 7517). */
export class TokenVerifier {
  readonly #options: TokenOptions;
  readonly #secret: Uint8Array | undefined;
  #publicKeys: JWTVerifyGetKey | undefined;
  /** Tokens that have held, of late: over HTTP one comes with every request. */
  readonly #held = new Map<string, { readonly identity: Identity; readonly until: number }>();

  constructor(options: TokenOptions) {
    const { secret } = options;
    this.#options = options;
    this.#secret = secret === undefined ? undefined : new TextEncoder().encode(secret);
  }

  /**
   * Who a token is for; it may be preceded by `Bearer `.
   *
   * @throws {ProtocolError} `authentication_failed` for a token that does not hold, `unavailable`
   * when the public keys cannot be had.
   */
  async verify(text: string): Promise<Identity> {
    const token = text.replace(/^Bearer\s+/i, "").trim();
    if (token.length > MAX_TOKEN_LENGTH) throw refused("it is too long");
    const held = this.#held.get(token);
    const now = this.#options.now();
    if (held && now < held.until) return held.identity;
    const identity = await this.#verify(token);
    if (this.#held.size >= MAX_HELD) this.#held.clear();
    this.#held.set(token, {
      identity,
      until: Math.min(now + HELD_MS, identity.expiresAt ?? Infinity),
    });
    return identity;
  }

  async #verify(token: string): Promise<Identity> {
    let payload: JWTPayload;
    try {
      payload = await this.#decode(token);
    } catch (error) {
      throw await explain(error);
    }
    const id = payload.sub ?? payload.user_id;
    const userId = typeof id === "number" ? String(id) : id;
    if (typeof userId !== "string" || !isUserId(userId)) {
      throw refused(`it names no user by sub or user_id, of 1 to ${MAX_USER_ID_BYTES} bytes`);
    }
    const { exp } = payload;
    const leeway = this.#options.leewaySeconds;
    const expiresAt = exp === undefined ? undefined : (exp + leeway) * 1000;
    return { userId, expiresAt, said: publicClaims(payload) };
  }

  async #decode(token: string): Promise<JWTPayload> {
    const { createRemoteJWKSet, decodeProtectedHeader, jwtVerify } = await loadJose();
    const { jwksUrl, issuer, audience, leewaySeconds, now } = this.#options;
    const options: JWTVerifyOptions = {
      issuer,
      audience,
      clockTolerance: leewaySeconds,
      currentDate: new Date(now()),
    };
    const alg = algorithmOf(decodeProtectedHeader, token);
    if (alg === "HS256" && this.#secret) {
      return (await jwtVerify(token, this.#secret, { ...options, algorithms: ["HS256"] })).payload;
    }
    if (alg !== undefined && PUBLIC_ALGORITHMS.includes(alg) && jwksUrl !== undefined) {
      const remote = { timeoutDuration: JWKS_TIMEOUT_MS };
      this.#publicKeys ??= createRemoteJWKSet(new URL(jwksUrl), remote);
      const algorithms = PUBLIC_ALGORITHMS;
      return (await jwtVerify(token, this.#publicKeys, { ...options, algorithms })).payload;
    }
    throw refused(`this server does not take its algorithm, ${JSON.stringify(alg)}`);
  }
}

function algorithmOf(
  decode: (token: string) => { alg?: string },
  token: string,
): string | undefined {
  try {
    return decode(token).alg;
  } catch {
    throw refused("it is no token");
  }
}

async function explain(error: unknown): Promise<ProtocolError> {
  if (error instanceof ProtocolError) return error;
  const { errors } = await loadJose();
  if (error instanceof errors.JWTExpired) return refused("it has expired");
  if (error instanceof errors.JWTClaimValidationFailed) {
    return refused(`its ${error.claim} is wrong`);
  }
  const known = error instanceof errors.JOSEError ? error.code : undefined;
  // What is not about the token is about the keys: no answer, or none that holds keys.
  if (known === undefined || KEY_FAULTS.includes(known)) {
    return new ProtocolError(
      "unavailable",
      "The keys for tokens cannot be had now: try again later.",
    );
  }
  return refused("it is malformed, or not signed by a key of this server's");
}

/** Nothing that is addressed to services, and neither address nor telephone number. */
function publicClaims(payload: JWTPayload): { [claim: string]: Json } {
  const said = PUBLIC_CLAIMS.filter((name) => payload[name] !== undefined)
    .map((name) => [name, payload[name] as Json]);
  return Object.fromEntries(said);
}

function isUserId(text: string): boolean {
  return text !== "" && text.isWellFormed() && fitsBytes(text, MAX_USER_ID_BYTES);
}

function refused(reason: string): ProtocolError {
  return new ProtocolError("authentication_failed", `The token does not hold: ${reason}.`);
}
