import { assertEquals } from "@std/assert";
import type { EventHandler } from "../../mod.ts";
import { promote } from "../harness/admin.ts";
import type { Received } from "../harness/client.ts";
import { onEveryStore } from "../harness/stores.ts";
import { range } from "../harness/util.ts";

/** What each setting heeds. */
const MODES = {
  false: { data: false, passthrough: false },
  true: { data: true, passthrough: true },
  data: { data: true, passthrough: false },
  passthrough: { data: false, passthrough: true },
};

const AUTHORIZE = { event: "authorize:user", credentialsObj: { token: "abcd" } };
const GET = { event: "data:get:this-item" };

/** Leaves out what is the same as that before it, of which there is a test of its own. */
function withoutRepeats(messages: Received[]): Received[] {
  return messages.filter((one, i) => JSON.stringify(one) !== JSON.stringify(messages[i - 1]));
}

function dataSet(data: Received): Received {
  return { event: "data:set:this-item", data };
}

for (const servers of [1, 2]) {
  onEveryStore(`event sockets as their text tells it, on ${servers} servers`, async (start) => {
    for (const [mode, heeded] of Object.entries(MODES)) {
      const emitted: Received[] = [];
      const authorize: EventHandler = ({ message, socket }) => {
        emitted.push(message);
        const { token } = message.credentialsObj as { token: string };
        socket.send(JSON.stringify({ authorized: token === "abcd" }));
      };
      const events = { "authorize:user": authorize };
      const open = () => start({ SOCKET_EVENTS: mode, LEASE_SECONDS: "2" }, { events });
      await using first = await open();
      await using other = servers === 2 ? await open() : undefined;
      await using admin = await first.connect(`room=${mode}`);
      await promote(admin);
      const set = (value: Received): Promise<Received> => {
        return admin.ask({ type: "data", data: { key: "this-item", value } });
      };
      await set("as it was");
      await using ann = await (other ?? first).connect(`room=${mode}`);
      /** All that is no answer of the rooms'. */
      const told = (): Received[] => {
        return withoutRepeats(ann.messages.filter(({ type }) => type === undefined));
      };

      ann.send(GET);
      if (heeded.data) await ann.find(() => told().length === 1);
      await set({ any: ["value"] });
      if (heeded.data) await ann.find(() => told().length === 2);
      await ann.settled();
      const items = heeded.data ? [dataSet("as it was"), dataSet({ any: ["value"] })] : [];
      assertEquals(told(), items, mode);

      ann.send(AUTHORIZE);
      ann.send({ credentialsObj: AUTHORIZE.credentialsObj });
      ann.send({});
      await ann.settled();
      assertEquals(emitted, heeded.passthrough ? [AUTHORIZE] : [], mode);
      const answers = heeded.passthrough ? [{ authorized: true }] : [];
      assertEquals(told(), [...items, ...answers], mode);
      assertEquals(ann.all("error"), [], mode);
    }
  }, { durable: servers === 2 });
}

onEveryStore(
  "a data event is told once a change, however late the news of it come",
  async (start) => {
    // Without their channel, servers hear of each other by the store alone, as processes do.
    const open = () => start({ LEASE_SECONDS: "2" }, { openChannel: () => undefined });
    await using first = await open();
    await using second = await open();
    for (const room of range(1, 10)) {
      await using admin = await first.connect(`room=${room}`);
      await promote(admin);
      await using ann = await second.connect(`room=${room}`);
      ann.send({ event: "data:get:last" });
      for (const key of ["this-item", "last"]) {
        await admin.ask({ type: "data", data: { key, value: "new" } });
        if (key !== "this-item") continue;
        ann.send(GET);
        await ann.find(({ event }) => event === "data:set:this-item");
      }
      // News come in order: what there is of the item's has come before this.
      await ann.find(({ event, data }) => event === "data:set:last" && data === "new");
      await ann.settled();
      const items = ann.messages.filter(({ event }) => event === "data:set:this-item");
      assertEquals(items, [dataSet("new")]);
    }
  },
  { durable: true },
);
