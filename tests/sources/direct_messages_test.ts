import { assertEquals } from "@std/assert";
import { SignJWT } from "jose";
import type { Received } from "../harness/client.ts";
import { onEveryStore } from "../harness/stores.ts";

const SECRET = "a secret of the tests, of thirty-two bytes or more";

for (const servers of [1, 2]) {
  onEveryStore(`direct messages as their text tells them, on ${servers} servers`, async (start) => {
    const settings = { JWT_SECRET: SECRET, DOMAIN_HANDLE: "carthrottle", LEASE_SECONDS: "2" };
    const resolveUsers = (ids: readonly string[]) => ids.map((id) => barry(Number(id)));
    const open = () => start(settings, { resolveUsers });
    await using first = await open();
    await using other = servers === 2 ? await open() : undefined;
    const [here, there] = [first.url, (other ?? first).url];
    const [me, you, them] = await Promise.all([388636, 524376, 342676].map(tokenOf));

    // A chat, and its history.
    const key = "carthrottle:dm:388636-524376";
    await post(here, "/api/user/524376", me!, { type: "text", text: "Whaddup Barry!" });
    const answered = await post(there, "/api/user/388636", you!, {
      type: "text",
      text: "Hey, Barry!!",
    });
    assertEquals(answered.state, { key, inbox_key: "user-388636" });
    const said = [
      { ...GENERATED, author: barry(388636), type: "text", text: "Whaddup Barry!" },
      { ...GENERATED, author: barry(524376), type: "text", text: "Hey, Barry!!" },
    ];
    const whole = { key, page: 1, per_page: 10, total: 2, total_pages: 1 };
    assertEquals(await get(here, "/api/user/524376", me!), { state: whole, messages: said });
    assertEquals(await get(there, "/api/user/388636", you!), { state: whole, messages: said });
    assertEquals(await get(there, "/api/user/524376?page=2&per_page=1", me!), {
      state: { ...whole, page: 2, per_page: 1, total_pages: 2 },
      messages: [said[0]],
    });

    // A list of chats, the most recent first.
    const hello = { type: "text", text: "Hello, world!" };
    await post(here, "/api/user/388636", you!, hello);
    await post(there, "/api/user/388636", them!, hello);
    const inbox = { ...whole, key: "carthrottle:inbox:388636" };
    const entries = [342676, 524376].map((id) => ({
      type: "user",
      id,
      latest: { ...GENERATED, author: id, ...hello },
      timestamp: GENERATED.timestamp,
      user: barry(id),
    }));
    assertEquals(await get(here, "/api/list", me!), { state: inbox, entries });
    assertEquals(await get(there, "/api/list?page=2&per_page=1", me!), {
      state: { ...inbox, page: 2, per_page: 1, total_pages: 2 },
      entries: [entries[1]],
    });

    // A message is sent, updated and deleted.
    const state = { key, inbox_key: "user-524376" };
    const sent = await request(here, "POST", "/api/user/524376", me!, 201, hello);
    assertEquals(generated(sent), { state, entry: { ...GENERATED, author: 388636, ...hello } });
    const text = 'Can\'t believe I started this chat with "Hello, world!" 😢';
    const path = `/api/user/524376/${sent.entry.id}`;
    const updated = await request(there, "POST", path, me!, 200, { text });
    assertEquals(updated, { state, entry: { ...sent.entry, text } });
    const history = async (): Promise<string[]> => {
      const { messages } = await get(here, "/api/user/388636", you!);
      return messages.map(({ text }: Received) => text);
    };
    assertEquals(await history(), ["Whaddup Barry!", "Hey, Barry!!", "Hello, world!", text]);
    assertEquals(await request(there, "DELETE", path, me!, 200), {
      state,
      message: "Message deleted",
      success: "true",
    });
    assertEquals(await history(), ["Whaddup Barry!", "Hey, Barry!!", "Hello, world!"]);
  }, { durable: servers === 2 });
}

/** A user as the text's platform tells of it. */
function barry(id: number): Received {
  return {
    id,
    username: `Barry from Earth-${id}`,
    role: { id: 3, handle: "registered", value: "Registered" },
  };
}

/** A token that says what the text's says. */
function tokenOf(user_id: number): Promise<string> {
  const key = new TextEncoder().encode(SECRET);
  return new SignJWT({ user_id }).setProtectedHeader({ alg: "HS256", typ: "JWT" }).sign(key);
}

/** What stands in place of what the server makes up. */
const GENERATED = { id: "generated", timestamp: "generated" };

/** A body without what the server has made up, which is checked. */
function generated(body: Received): Received {
  const text = JSON.stringify(body, (name, value) => {
    if (name === "timestamp") {
      assertEquals(value, { epoch: value.epoch, iso: new Date(value.epoch).toISOString() });
      return GENERATED.timestamp;
    }
    if (name !== "id" || typeof value !== "string") return value;
    assertEquals(value.replaceAll(/[0-9a-f]/g, "0"), "00000000-0000-0000-0000-000000000000");
    return GENERATED.id;
  });
  return JSON.parse(text);
}

async function get(url: string, path: string, token: string): Promise<Received> {
  return generated(await request(url, "GET", path, token, 200));
}

async function post(url: string, path: string, token: string, body: unknown): Promise<Received> {
  return generated(await request(url, "POST", path, token, 201, body));
}

/** Makes a request with the headers of the text, which name no type of the body. */
async function request(
  url: string,
  method: string,
  path: string,
  token: string,
  status: number,
  body?: unknown,
): Promise<Received> {
  const response = await fetch(url + path, {
    method,
    headers: { "X-Auth-Token": token },
    // Text would bring a content type with it.
    body: body === undefined ? undefined : new TextEncoder().encode(JSON.stringify(body)),
  });
  assertEquals(response.status, status);
  assertEquals(response.headers.get("content-type"), "application/json");
  return await response.json();
}
