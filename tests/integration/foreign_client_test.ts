import { assert, assertEquals } from "@std/assert";
import { findProgram } from "../harness/optional.ts";
import { SIGNING_KEY, startServer } from "../harness/server.ts";

const python = await findProgram("Python with websockets", [
  Deno.env.get("PYTHON"),
  "python3",
  "python",
], ["-c", "import websockets"]);

Deno.test({
  name: "a plain client in Python holds the conversation of the README's examples",
  ignore: python === undefined,
  fn: async () => {
    await using server = await startServer();
    const root = new URL("../../", import.meta.url);
    const { code, stdout, stderr } = await new Deno.Command(python!, {
      args: ["tests/integration/conversation.py", "README.md", String(server.port), SIGNING_KEY],
      cwd: root,
    }).output();
    const told = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
    assertEquals(code, 0, told);
    assert(Number(/(\d+) steps/.exec(told)![1]) > 40, told);
  },
});

Deno.test("the first source's own client would work: it pings, reconnects and reads its profile", async () => {
  await using server = await startServer();
  // Every 5 seconds a ping with a number; its answer, and nothing else, says the server lives.
  const first = await server.connect("room=old");
  first.send({ type: "ping", data: 1631756233699 });
  assertEquals(await first.next("pong"), { type: "pong", data: 1631756233699 });
  first.send({ type: "login", data: { name: "Ann" } });
  assertEquals((await first.next("profile")).data.properties, { name: "Ann" });
  first.send({ type: "profile" });
  const { id, suffix, connectionDetails } = (await first.next("profile")).data;
  assertEquals(typeof connectionDetails, "object");
  await first.close();
  await using again = await server.connect(`room=old&session=${id}`);
  again.send({ type: "profile" });
  const profile = (await again.next("profile")).data;
  assertEquals([profile.id, profile.suffix, profile.properties.name], [id, suffix, "Ann"]);
  again.send({ type: "close" });
  assertEquals((await again.closed).code, 1000);
});

Deno.test("the server pings each connection, and stops when the last has gone", async () => {
  await using server = await startServer();
  // Spread over 25 seconds: among so many, some are due within the first few.
  const clients = await Promise.all(Array.from({ length: 60 }, () => server.connect()));
  const { data } = await Promise.any(clients.map((client) => client.next("ping")));
  assert(Math.abs(data - Date.now()) < 5000);
  await Promise.all(clients.map((client) => client.close()));
});
