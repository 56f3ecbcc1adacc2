import { assert, assertEquals } from "@std/assert";
import { z } from "zod";
import { authentication, promote } from "../harness/admin.ts";
import { Refused, type TestClient } from "../harness/client.ts";
import { startServer, type TestServer } from "../harness/server.ts";

// deno-lint-ignore no-explicit-any -- the document is looked into wherever there is something
type Document = any;

const server = (): Promise<TestServer> => startServer({ RATE_LIMIT: "10000", RATE_BURST: "10000" });

async function messagesOf({ url }: TestServer): Promise<Document[]> {
  const document = await (await fetch(`${url}/asyncapi.json`)).json();
  return document.operations.send.messages.map(({ $ref }: { $ref: string }) =>
    document.channels.room.messages[$ref.split("/").at(-1)!]
  );
}

async function connectAdmin({ connect }: TestServer): Promise<TestClient> {
  const admin = await connect("room=documented");
  await promote(admin);
  return admin;
}

/** An example as it holds here and now: nobody can write down a signature in advance. */
function current(example: Document): Document {
  return example.type === "authenticate" ? authentication("documented") : example;
}

/** Everything that differs from a message in one member, at any depth that its schema knows of. */
function* variants(message: Document, schema: Document): Generator<Document> {
  for (const [name, inner] of Object.entries<Document>(schema.properties ?? {})) {
    const { [name]: value, ...rest } = message;
    yield rest;
    for (const other of [null, "", "x", "-1.5e2", 0, -1, 1.5, true, [], [null], [""], ["x"], {}]) {
      yield { ...message, [name]: other };
    }
    if (!inner.properties) continue;
    for (const variant of variants(value ?? {}, inner)) yield { ...message, [name]: variant };
  }
}

/** What the server finds wrong with a message's shape; `undefined`: nothing. */
async function faultOf(client: TestClient, message: Document): Promise<string | undefined> {
  try {
    await client.ask(message);
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    if (error.data.code === "invalid_message") return error.message;
  }
}

Deno.test("the document names every type of message, and nothing else", async () => {
  await using running = await server();
  const messages = await messagesOf(running);
  const commands = running.server.commands.all;
  assertEquals(messages.map(({ name }) => name), commands.map(({ type }) => type));
  for (const { name, summary, examples, ...message } of messages) {
    assert(summary && examples.length > 0, `${name} is not described`);
    assertEquals(message["x-admin"], commands.find(({ type }) => type === name)!.admin ?? false);
    for (const { payload } of examples) assertEquals(payload.type, name);
  }
});

Deno.test("the server takes each example, and the schema does", async () => {
  await using running = await server();
  for (const { payload: schema, examples } of await messagesOf(running)) {
    for (const { payload: example } of examples) {
      await using admin = await connectAdmin(running);
      await admin.ask(current(example));
      z.fromJSONSchema(schema).parse(example);
    }
  }
});

Deno.test("the server finds a message invalid exactly where the schema does", async () => {
  await using running = await server();
  for (const { name, payload: schema, examples } of await messagesOf(running)) {
    const { type: _type, id: _id, key: _key, ...properties } = schema.properties;
    const parser = z.fromJSONSchema(schema);
    await using admin = await connectAdmin(running);
    for (const variant of variants(current(examples[0].payload), { properties })) {
      const found = await faultOf(admin, variant);
      const told = `${name}: ${JSON.stringify(variant)}: ${found ?? "taken"}`;
      assertEquals(found === undefined, parser.safeParse(variant).success, told);
    }
  }
});

Deno.test("an admin's messages are refused to others as the document says", async () => {
  await using running = await server();
  await using user = await running.connect("room=documented");
  for (const { "x-admin": admin, examples } of await messagesOf(running)) {
    if (admin) assertEquals((await user.refusal(examples[0].payload)).code, "not_allowed");
  }
});
