import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import type {
  Events,
  PresentMember,
  Profile,
  Subscribed,
  UserStatus,
} from "../../lib/client/api.ts";
import type { Author, Connection, Json, Status } from "../../lib/client/api.ts";
import type { FunctionCaller } from "../../lib/functions/function.ts";
import type { profileOf } from "../../lib/hub/greeting.ts";
import type { Member } from "../../lib/hub/member.ts";
import type { PresentMember as PresentOnServer } from "../../lib/hub/presence.ts";
import type { Replayed } from "../../lib/hub/replay.ts";
import type { UserStatus as StatusOnServer } from "../../lib/hub/users.ts";
import type { Json as JsonOnServer } from "../../lib/protocol/json.ts";
import { findProgram } from "../harness/optional.ts";
import { startServer } from "../harness/server.ts";
import { eventually, heard, open, said, told } from "./open.ts";

/** Whether two types take the same values; that one of them is `readonly` is no difference. */
type Same<A, B> = [A, B] extends [B, A] ? true : false;
type SentProfile = Omit<ReturnType<typeof profileOf>, "role"> & Pick<Member, "role">;

/** The client's types are the server's: each of these fails to check where they part. */
const same: [
  Same<Json, JsonOnServer>,
  Same<Profile, SentProfile>,
  Same<Author, NonNullable<FunctionCaller["profile"]>>,
  Same<PresentMember, PresentOnServer>,
  Same<UserStatus, StatusOnServer>,
  Same<Subscribed, Replayed>,
  Same<Exclude<Status, "CONNECTING">, UserStatus["status"]>,
] = [true, true, true, true, true, true, true];

/** The fields of what is only text on the server, which therefore has no type there. */
const FIELDS = {
  connection: fields<Connection>({
    client_id: 1,
    root_id: 1,
    user_id: 1,
    channel_id: 1,
    room: 1,
    instance: 1,
    epoch: 1,
    offset: 1,
  }),
  profile: fields<Profile>({ id: 1, suffix: 1, properties: 1, role: 1, connectionDetails: 1 }),
  chat: fields<Events["chat"]>({ message: 1, user: 1 }),
  poll: fields<Events["poll"]>({ id: 1, stats: 1 }),
  ephemeralPoll: fields<Events["ephemeralPoll"]>({ id: 1, stats: 1 }),
  counter: fields<Events["counter"]>({ id: 1, value: 1 }),
  signal: fields<Events["signal"]>({ event: 1, data: 1, user: 1 }),
  presence: fields<Events["presence"]>({ event: 1, count: 1, members: 1 }),
  STATUS_CHANGE: fields<Events["STATUS_CHANGE"]>({
    user_id: 1,
    status: 1,
    previousStatus: 1,
    onlineSinceTs: 1,
    lastOnlineTs: 1,
    awaySinceTs: 1,
  }),
};

function fields<Data>(all: Record<keyof Required<Data>, 1>): string[] {
  return Object.keys(all).sort();
}

Deno.test("what the server says has the fields that the client's types say", async () => {
  assert(same.every(Boolean));
  await using server = await startServer();
  using ann = open(server, { session: "ann" });
  using ben = open(server, { session: "ben" });
  const seen = Object.keys(FIELDS).map((type) => {
    const messages = heard(ann, type);
    told(ann, type);
    return [type, messages] as const;
  });
  await Promise.all([ann.profile(), ben.ready]);
  ben.signal("typing");
  await ben.vote("p", "a");
  await ben.vote("p", "a", { ephemeral: true });
  await ben.counter("c");
  await ben.chat(1);
  await ben.send("status", "AWAY");
  await eventually(() => seen.every(([, messages]) => messages.length > 0), () => seen);
  for (const [type, messages] of seen) {
    for (const { data } of messages) {
      assertEquals(Object.keys(data as object).sort(), FIELDS[type as keyof typeof FIELDS], type);
    }
  }
});

Deno.test("the client is small, and served to pages of any site", async () => {
  await using server = await startServer();
  for (const [path, type] of [["/client.js", "javascript"], ["/client.d.ts", "typescript"]]) {
    const response = await fetch(`${server.url}${path}`, {
      headers: { Origin: "https://shop.example" },
    });
    const text = await response.text();
    const { headers } = response;
    assertEquals(response.status, 200);
    assertStringIncludes(headers.get("content-type")!, type!);
    assertEquals(headers.get("access-control-allow-origin"), "*");
    assert(/max-age=\d+/.test(headers.get("cache-control")!));
    const etag = headers.get("etag")!;
    const again = await fetch(`${server.url}${path}`, { headers: { "If-None-Match": etag } });
    assertEquals([again.status, await again.text()], [304, ""]);
    if (path === "/client.js") {
      const gzip = new Blob([text]).stream().pipeThrough(new CompressionStream("gzip"));
      const size = (await new Response(gzip).arrayBuffer()).byteLength;
      assert(size <= 8192, `${size} bytes`);
      assertEquals(/\bimport\b/.test(text), false);
    }
  }
});

/** Uses all of the client. Where a use is said to be wrong and is not, that is an error, too. */
const PROGRAM = `
// @ts-types="./client.d.ts"
import { createClient } from "./client.js";
import type { Client, Failure, Json, Profile, Status } from "./client.d.ts";

export async function use(): Promise<void> {
  const client: Client = createClient({
    endPoint: "wss://example.com",
    room: "demo",
    userId: 44,
    token: async () => await Promise.resolve("token"),
    session: "session",
    storage: null,
    channelId: "channel",
  });
  createClient({ endPoint: "wss://example.com", token: "token", userId: "44" }).close();
  const profile: Profile = await client.ready;
  const { suffix, properties }: { suffix: number; properties: { [name: string]: Json } } = profile;
  const status: Status = client.getStatus();
  const stop: () => void = client.onStatusChange(({ status, previousStatus }) => {
    const both: Status[] = [status, previousStatus];
    console.log(both);
  });
  const hear = (data: { message: Json }): void => console.log(data.message);
  client.on("chat", hear);
  client.off("chat", hear);
  client.off("chat");
  client.on("*", (data, { type, event, offset }) => console.log(data, type, event, offset));
  client.on("incomplete", ({ event, replayed, complete }) => console.log(event, replayed, complete));
  client.on("mine", (data, message) => console.log(data.anything, message.type));
  const end: () => void = client.subscribe("counter:visits", ({ id, value }) => {
    const text: string = id + value;
    console.log(text);
  }, { since: "1", epoch: "epoch" });
  client.subscribe("poll", ({ stats }) => console.log(stats.yes! + 1), { history: 5 });
  client.subscribe("presence", ({ members }) => members[0]!.status === "AWAY");
  client.subscribe("data:score", (score) => console.log(score));
  const answers: Json[] = [
    await client.send("report", { suffix, properties }),
    await client.send({ type: "channel", channel_ids: ["a"], data: { type: "x" }, key: "once" }),
    await client.broadcast({ type: "MOVE", steps: [1] }),
    await client.sendToUser({ type: "MOVE" }, 44),
    await client.sendToUser({ type: "MOVE" }, ["44", 45]),
    await client.sendToServer({ type: "ADD", a: 1, b: 2 }),
    await client.chat("hello"),
    await client.vote("lunch", "soup"),
    await client.vote("hands", "up", { ephemeral: true }),
    await client.counter("visits"),
    await client.counter("visits", "0.1"),
    await client.login({ name: "Ann" }),
    (await client.profile()).role,
  ];
  client.signal("typing", true);
  await client.chat("hello").catch(({ error, action, retry }: Failure) => {
    console.log(error.code, error.message, action.type);
    return retry();
  });
  end();
  stop();
  client.close();
  console.log(answers, status, client.room, client.isConnected);

  // @ts-expect-error without a server
  createClient({ room: "demo" });
  // @ts-expect-error no such status
  client.getStatus() === "SLEEPING";
  // @ts-expect-error a value is text
  client.subscribe("counter:visits", ({ value }) => value.toFixed());
  // @ts-expect-error no such field
  client.on("chat", ({ text }) => text);
  // @ts-expect-error what JSON cannot say
  client.chat(() => "hello");
  // @ts-expect-error an action has a type
  client.broadcast({ data: 1 });
  // @ts-expect-error an answer is text
  client.vote("lunch", { ephemeral: true });
  // @ts-expect-error the server's to say
  client.isConnected = true;
}
`;

Deno.test("the declarations are those of the client, and hold programs to them", async () => {
  await using server = await startServer();
  const directory = await Deno.makeTempDir();
  for (const name of ["client.js", "client.d.ts"]) {
    const response = await fetch(`${server.url}/${name}`);
    await Deno.writeTextFile(`${directory}/${name}`, await response.text());
  }
  await Deno.writeTextFile(`${directory}/program.ts`, PROGRAM);
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["check", "--no-config", "program.ts"],
    cwd: directory,
  }).output();
  assert(success, new TextDecoder().decode(stderr));
  await Deno.remove(directory, { recursive: true });
});

const [major] = await versionOf("node");
const node = major! >= 22
  ? await findProgram("Node 22 or later", ["node"])
  : await findProgram("Node 22 or later", ["npx"], [
    ...["--yes", "node@22", "--version"],
  ]);
const nodeArgs = major! >= 22 ? [] : ["--yes", "node@22"];

const CONVERSATION = `
const [script, endPoint] = process.argv.slice(2);
const { createClient } = await import(script);
const ann = createClient({ endPoint, room: "r" });
const told = Promise.withResolvers();
ann.subscribe("chat", ({ message }) => message.to === "node" && told.resolve(message.text));
await ann.ready;
await ann.login({ name: "Node" });
await ann.counter("visits", "0.1");
await ann.chat("hello from Node");
const refused = await ann.counter("visits", "lots").catch(({ error }) => error.code);
console.log(JSON.stringify([await told.promise, refused, ann.getStatus()]));
ann.close();
`;

Deno.test({
  name: "the built client converses in Node",
  ignore: node === undefined,
  fn: async () => {
    await using server = await startServer();
    using ben = open(server);
    const texts = said(ben);
    await ben.ready;
    const directory = await Deno.makeTempDir();
    const program = `${directory}/conversation.mjs`;
    await Deno.writeTextFile(program, CONVERSATION);
    const script = new URL("../../dist/client.js", import.meta.url).href;
    const running = new Deno.Command(node!, {
      args: [...nodeArgs, program, script, server.url],
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    await eventually(() => texts.length === 1);
    assertEquals(texts, ["hello from Node"]);
    await ben.chat({ to: "node", text: "hello from Deno" });
    // It ends by itself: a closed client keeps nothing alive.
    const { code, stdout, stderr } = await running.output();
    assertEquals(code, 0, new TextDecoder().decode(stderr));
    const answer = JSON.parse(new TextDecoder().decode(stdout));
    assertEquals(answer, ["hello from Deno", "invalid_message", "ONLINE"]);
    await Deno.remove(directory, { recursive: true });
  },
});

/** The numbers of a program's version; none where it is missing. */
async function versionOf(program: string): Promise<number[]> {
  try {
    const { stdout } = await new Deno.Command(program, { args: ["--version"] }).output();
    return new TextDecoder().decode(stdout).match(/\d+/g)?.map(Number) ?? [0];
  } catch {
    return [0];
  }
}
