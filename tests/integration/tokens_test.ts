import { assert, assertEquals } from "@std/assert";
import { exportJWK, exportSPKI, generateKeyPair, SignJWT, UnsecuredJWT } from "jose";
import { startServer, type TestServer } from "../harness/server.ts";
import { pause } from "../harness/util.ts";

const SECRET = "a secret of the tests, of thirty-two bytes or more";
const secretKey = new TextEncoder().encode(SECRET);

/** A token of the shared secret, for a user, with whatever else it shall claim. */
function token(claims: Record<string, unknown>, key: Uint8Array = secretKey): Promise<string> {
  return new SignJWT(claims).setProtectedHeader({ alg: "HS256" }).sign(key);
}

const now = (): number => Math.floor(Date.now() / 1000);

Deno.test("a token names the user, in the query, in the header and in a message", async () => {
  await using server = await startServer({ JWT_SECRET: SECRET });
  const una = await token({ sub: "una" });
  await using byQuery = await server.connect(`room=r&token=${una}`);
  assertEquals(byQuery.connection.user_id, "una");
  assertEquals(byQuery.connection.root_id, "una");
  assertEquals(await refusal(server, `Bearer ${una}`), 101);

  await using ben = await server.connect("room=r&subscribe=presence");
  const publicId = ben.connection.user_id;
  await ben.ask({ type: "change_user", token: `Bearer ${await token({ user_id: 7 })}` });
  const changed = await ben.next("connection");
  assertEquals([changed.data.user_id, changed.data.client_id], ["7", ben.connection.client_id]);
  const update = await ben.find(({ type, data }) => type === "presence" && data.event === "update");
  assertEquals(update.data.members[0].user_id, "7");
  const { users } = await (await fetch(`${server.url}/users?room=r`)).json();
  assertEquals(users.map(({ user_id }: { user_id: string }) => user_id).toSorted(), ["7", "una"]);
  // And back, by a message without a token.
  ben.send({ type: "change_user" });
  assertEquals((await ben.next("connection")).data.user_id, publicId);
  ben.send({ type: "connection" });
  assertEquals((await ben.next("connection")).data.user_id, publicId);
});

Deno.test("what is sent after a change of user is the new user's", async () => {
  await using server = await startServer({ JWT_SECRET: SECRET });
  await using ben = await server.connect();
  ben.send({ type: "change_user", token: await token({ sub: "una" }), id: 1 });
  ben.send({ type: "connection", id: 2 });
  ben.send({ type: "ping", data: "urgent" });
  ben.send({ type: "chat", data: "as una", id: 3 });
  await ben.find(({ id }) => id === 3);
  assertEquals(ben.all("connection").map(({ data }) => data.user_id).slice(1), ["una", "una"]);
  assertEquals(ben.all("ack").map(({ id }) => id).filter((id) => id !== undefined), [1, 2, 3]);
});

Deno.test("tokens that do not hold are refused, and change nothing", async () => {
  await using server = await startServer({
    JWT_SECRET: SECRET,
    JWT_ISSUER: "house",
    JWT_AUDIENCE: "rooms",
    JWT_LEEWAY_SECONDS: "10",
    RATE_BURST: "1000",
  });
  const good = { sub: "una", iss: "house", aud: "rooms" };
  const bad: Record<string, string | Promise<string>> = {
    "another secret": token(good, new TextEncoder().encode(SECRET.toUpperCase())),
    "expired": token({ ...good, exp: now() - 60 }),
    "not yet": token({ ...good, nbf: now() + 60 }),
    "another issuer": token({ ...good, iss: "elsewhere" }),
    "no audience": token({ sub: "una", iss: "house" }),
    "no user": token({ iss: "house", aud: "rooms" }),
    "an empty user": token({ ...good, sub: "" }),
    "a user too long": token({ ...good, sub: "é".repeat(200) }),
    "no signature": new UnsecuredJWT(good).encode(),
    "no token": "una",
    "nothing": ".",
    "too long": "x".repeat(10_000),
  };
  await using ben = await server.connect();
  const before = ben.connection.user_id;
  for (const [what, text] of Object.entries(bad)) {
    const refused = await ben.refusal({ type: "change_user", token: await text });
    assertEquals(refused.code, "authentication_failed", what);
    assertEquals(await refusal(server, await text), 401, what);
  }
  assertEquals((await ben.refusal({ type: "change_user", token: 7 })).code, "invalid_message");
  ben.send({ type: "connection" });
  assertEquals((await ben.next("connection")).data.user_id, before);
  // Within the leeway, and for more than one audience.
  const late = await token({ ...good, aud: ["rooms", "doors"], exp: now() - 5 });
  assertEquals(await ben.ask({ type: "change_user", token: late }), { user_id: "una" });

  await using without = await startServer();
  await using cay = await without.connect();
  const refused = await cay.refusal({ type: "change_user", token: await token(good) });
  assertEquals(refused.code, "authentication_failed");
});

Deno.test("public keys make users, and are no secrets", async () => {
  const pairs = await Promise.all(["RS256", "ES256", "EdDSA"].map(async (alg) => {
    return { alg, ...await generateKeyPair(alg, { extractable: true }) };
  }));
  const keys = await Promise.all(pairs.map(async ({ alg, publicKey }) => {
    return { ...await exportJWK(publicKey), alg, kid: alg };
  }));
  let served: unknown = { keys };
  const jwks = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => {} }, () => {
    return served === undefined ? new Response("no keys") : Response.json(served);
  });
  const url = `http://127.0.0.1:${jwks.addr.port}/`;
  {
    await using server = await startServer({ JWKS_URL: url });
    await using ben = await server.connect();
    for (const { alg, privateKey } of pairs) {
      const signed = await new SignJWT({ sub: `user of ${alg}` })
        .setProtectedHeader({ alg, kid: alg }).sign(privateKey);
      assertEquals(await ben.ask({ type: "change_user", token: signed }), {
        user_id: `user of ${alg}`,
      });
    }
    // The public key taken for a shared secret, by one who hopes that it is not told apart.
    const spki = new TextEncoder().encode(await exportSPKI(pairs[0]!.publicKey));
    const confused = await token({ sub: "root" }, spki);
    const refused = await ben.refusal({ type: "change_user", token: confused });
    assertEquals(refused.code, "authentication_failed");
    // One whose key is not among them.
    const { privateKey } = await generateKeyPair("ES256");
    const foreign = await new SignJWT({ sub: "una" })
      .setProtectedHeader({ alg: "ES256", kid: "ES256" }).sign(privateKey);
    assertEquals((await ben.refusal({ type: "change_user", token: foreign })).code, refused.code);
  }
  served = undefined;
  {
    await using server = await startServer({ JWKS_URL: url });
    await using ben = await server.connect();
    const signed = await new SignJWT({ sub: "una" })
      .setProtectedHeader({ alg: "ES256" }).sign(pairs[1]!.privateKey);
    assertEquals((await ben.refusal({ type: "change_user", token: signed })).code, "unavailable");
  }
  await jwks.shutdown();
});

Deno.test("a token that expires makes its connection a public user's, which is told", async () => {
  await using server = await startServer({ JWT_SECRET: SECRET, JWT_LEEWAY_SECONDS: "0" });
  const short = await token({ sub: "una", exp: now() + 2 });
  await using una = await server.connect(`room=r&token=${short}&session=s`);
  await using same = await server.connect("room=r&session=s");
  await using watcher = await server.connect("room=r&subscribe=presence");
  assertEquals(una.connection.user_id, "una");
  const told = await una.next("connection");
  assertEquals(told.data.user_id, same.connection.user_id);
  await watcher.find(({ data }) => data.event === "update" && data.members[0].user_id !== "una");
  // A new one in time takes the old one's place.
  await una.ask({ type: "change_user", token: await token({ sub: "una", exp: now() + 2 }) });
  await una.ask({ type: "change_user", token: await token({ sub: "una", exp: now() + 60 }) });
  const connections = una.all("connection").length;
  await pause(2500);
  assertEquals(una.all("connection").length, connections);
  assert(una.all("connection").at(-1).data.user_id === "una");
});

/** The status with which a connection with this `Authorization` is answered. */
async function refusal(server: TestServer, authorization: string): Promise<number> {
  using connection = await Deno.connect({ hostname: "127.0.0.1", port: server.port });
  const request = [
    "GET /websocket?room=h HTTP/1.1",
    "Host: x",
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    `Authorization: ${authorization}`,
  ];
  await connection.write(new TextEncoder().encode(`${request.join("\r\n")}\r\n\r\n`));
  const buffer = new Uint8Array(64);
  const count = await connection.read(buffer) ?? 0;
  return Number(new TextDecoder().decode(buffer.subarray(0, count)).split(" ")[1]);
}
