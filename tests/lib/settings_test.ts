import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { readSettings, SettingsError } from "../../lib/settings.ts";

Deno.test("settings have defaults, and take what the environment says", () => {
  const settings = readSettings({ PORT: "9000", ALLOWED_ORIGINS: "https://a.example, https://b" });
  assertEquals(settings.PORT, 9000);
  assertEquals(settings.ALLOWED_ORIGINS, ["https://a.example", "https://b"]);
  assertEquals(settings.MAX_MESSAGE_BYTES, 65_536);
});

Deno.test("an empty key or place is none at all", () => {
  const settings = readSettings({ ADMIN_SIGNING_KEY: "", KV_URL: "", KV_PATH: " " });
  assertEquals(settings.ADMIN_SIGNING_KEY, undefined);
  assertEquals(settings.KV_URL, undefined);
  assertEquals(settings.KV_PATH, undefined);
});

Deno.test("a bad value is refused with one line that says which and why", () => {
  for (
    const [name, value, why] of [
      ["PORT", "eighty", "must be a whole number"],
      ["PORT", "70000", "at most 65535"],
      ["RATE_LIMIT", "-1", "must be a whole number"],
      ["LOG_LEVEL", "loud", "debug"],
      ["KV_URL", "ftp://x", "KV Connect"],
    ] as const
  ) {
    const { message } = assertThrows(() => readSettings({ [name]: value }), SettingsError, name);
    assertStringIncludes(message, why);
    assertStringIncludes(message, JSON.stringify(value));
    assertEquals(message.includes("\n"), false);
  }
  assertThrows(
    () => readSettings({ KV_PATH: "a", KV_URL: "http://localhost" }),
    SettingsError,
    "KV_URL is set beside KV_PATH",
  );
});
