import { z } from "zod";
import type { StoreOptions } from "./store/store.ts";

const text = z.string().trim();

function wholeNumber(min: number, max: number): z.ZodType<number, string> {
  return text.regex(/^\d+$/, `must be a whole number from ${min} to ${max}`).transform(Number).pipe(
    z.number().min(min, `must be at least ${min}`).max(max, `must be at most ${max}`),
  );
}

/** An empty variable is an unset one: nobody means the empty key. */
function optionalText(): z.ZodType<string | undefined, string | undefined> {
  return text.optional().transform((value) => value || undefined);
}

function list(): z.ZodType<string[], string | undefined> {
  return text.optional().transform((value) =>
    (value ?? "").split(",").map((item) => item.trim()).filter((item) => item !== "")
  );
}

function url(message: string): z.ZodType<string | undefined, string | undefined> {
  const valid = (value: string): boolean =>
    value === "" || /^https?:\/\//.test(value) && URL.canParse(value);
  return text.refine(valid, message).optional().transform((value) => value || undefined);
}

/** Every setting, by the name of its environment variable. */
const schema = z.object({
  PORT: wholeNumber(0, 65_535).default(8000),
  HOST: text.default("0.0.0.0"),
  KV_PATH: optionalText(),
  KV_URL: url("must be the http(s) URL of a KV Connect server"),
  DENO_DEPLOY: optionalText(),
  DENO_DEPLOYMENT_ID: optionalText(),
  DENO_REGION: optionalText(),
  KV_TIMEOUT_MS: wholeNumber(50, 60_000).default(5000),
  ADMIN_SIGNING_KEY: optionalText(),
  JWT_SECRET: optionalText(),
  JWKS_URL: url("must be the http(s) URL of a JSON Web Key Set"),
  JWT_ISSUER: optionalText(),
  JWT_AUDIENCE: optionalText(),
  JWT_LEEWAY_SECONDS: wholeNumber(0, 3600).default(30),
  ALLOWED_ORIGINS: list(),
  HISTORY_SECONDS: wholeNumber(1, 10 * 366 * 86_400).default(86_400),
  HISTORY_LIMIT: wholeNumber(1, 1_000_000).default(1000),
  SESSION_SECONDS: wholeNumber(60, 10 * 366 * 86_400).default(30 * 86_400),
  LEASE_SECONDS: wholeNumber(1, 3600).default(15),
  // Each of them costs every commit a mark and a bell, and a commit takes 1,000 mutations.
  MAX_ISOLATES_PER_ROOM: wholeNumber(1, 100).default(100),
  LOG_LEVEL: z.enum(["debug", "info", "warning", "error"]).default("info"),
  RATE_LIMIT: wholeNumber(1, 1_000_000).default(100),
  RATE_BURST: wholeNumber(1, 1_000_000).default(200),
  // A stored event may be some four times its message's size, and one commit takes 800 KiB.
  MAX_MESSAGE_BYTES: wholeNumber(256, 131_072).default(65_536),
  MAX_PROPERTIES_BYTES: wholeNumber(64, 32_768).default(16_384),
  MAX_BUFFERED_BYTES: wholeNumber(65_536, 1_073_741_824).default(1_048_576),
  MAX_CONNECTIONS_PER_ADDRESS: wholeNumber(1, 10_000_000).default(1000),
  MAX_SUBSCRIPTIONS: wholeNumber(1, 100_000).default(256),
  MAX_RELAYS: wholeNumber(1, 100_000).default(256),
  MAX_TARGETS: wholeNumber(1, 1000).default(100),
  MAX_CALLS: wholeNumber(1, 10_000).default(16),
  FUNCTION_TIMEOUT_MS: wholeNumber(10, 600_000).default(10_000),
  SOCKET_EVENTS: z.enum(["false", "true", "data", "passthrough"]).default("true"),
  DOMAIN_HANDLE: text.min(1).max(64).default("tallyroom"),
  // One takes at most a value of the store, 64 KiB, and two bytes a character.
  MAX_DIRECT_MESSAGE_BYTES: wholeNumber(1, 30_000).default(16_384),
  // All of them are named in one value of the store, 64 KiB, by up to 508 bytes each.
  MAX_TOPIC_MEMBERS: wholeNumber(1, 120).default(100),
  MAX_POLL_ANSWERS: wholeNumber(1, 100_000).default(1000),
  // A key in the store takes 2 KiB. It may hold three names, and a NUL in one counts twice.
  MAX_ID_BYTES: wholeNumber(1, 320).default(256),
  MAX_DEPTH: wholeNumber(1, 1000).default(100),
}).refine((settings) => !(settings.KV_PATH && settings.KV_URL), {
  path: ["KV_URL"],
  message: "is set beside KV_PATH: set one of the two",
});

/** The server's settings, checked. Their meanings are in the README's table. */
export type Settings = z.output<typeof schema>;

/** Thrown by {@linkcode readSettings}; its message is one line that says which and why. */
export class SettingsError extends Error {
  override name = "SettingsError";
}

/**
 * Reads the settings from environment variables.
 *
 * @throws {SettingsError} for a value that is out of its range.
 */
export function readSettings(environment: Record<string, string | undefined>): Settings {
  const present = Object.fromEntries(
    Object.keys(schema.shape).map((name) => [name, environment[name]]),
  );
  const result = schema.safeParse(present);
  if (result.success) return result.data;
  const faults = result.error.issues.map((issue) => {
    const name = String(issue.path[0]);
    // What was received helps to mend it, except where it is a secret.
    const received = /_(KEY|SECRET)$/.test(name)
      ? ""
      : ` (received ${JSON.stringify(present[name])})`;
    return `${name} ${issue.message}${received}`;
  });
  throw new SettingsError(`Bad settings: ${faults.join("; ")}`);
}

/** Where the settings say the store is. */
export function storeOptions(settings: Settings): StoreOptions {
  const { KV_PATH: path, KV_URL: url, KV_TIMEOUT_MS: timeoutMs } = settings;
  const managed = settings.DENO_DEPLOY !== undefined || settings.DENO_DEPLOYMENT_ID !== undefined;
  return { path, url, timeoutMs, embedded: url === undefined && !managed };
}
