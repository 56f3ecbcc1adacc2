import { assert, assertEquals } from "@std/assert";
import { check, type Deed, type Entry, longestWait } from "../harness/history.ts";

const GOOD = `
  ann in 0; ann count 0; ben in 0; ben count 0
  ann say a1; ben say b1; ann add a2; ben see b1@1; ann see b1@1; ben ack b1@1
  ben count 0.1; ann ack a2; ann see a1@2; ben see a1@2; ann ack a1@2; ann count 0.1
  ann vote a3 red; ann stats red=1; ann ack a3; ben vote b3 red; ben stats red=2; ben ack b3
  ann vote a4 blue; ann ack a4; ben stats red=1 blue=1; ann stats blue=1 red=1`;

Deno.test("a good history has no faults", () => {
  assertEquals(check(history(GOOD)), []);
});

Deno.test("who retries, resumes, overtakes what was refused and leaves breaks no rule", () => {
  const faults = check(history(`
    ann in 0; ben in 0; ann say a1; ann add a2; ann say a0; ann say a9; ann lose
    ann abandon a0; ann abandon a9
    ben see a1@1; ben count 0.1; ben say b1; ben see b1@2; ben ack b1@2
    ann in 1; ann resume complete; ann count 0.1; ann say a1; ann add a2
    ann see a1@1; ann see b1@2; ann ack a1@1; ann ack a2
    ann say a3; ann say a4; ann say a5; ann refuse a3 unavailable; ann doubt a5
    ben see a4@3; ben see a5@4; ann say a3; ann say a5; ben see a3@5; ben leave
    ann see a4@3; ann see a5@4; ann see a3@5; ann ack a3@5; ann ack a4@3; ann ack a5@4
    ann see a9@6`));
  assertEquals(faults, []);
});

/** One thing that is wrong, beginning with all well unless the whole history is given. */
const BAD: Record<string, [fault: RegExp, deeds: string, whole?: "whole"]> = {
  "two texts at one offset": [/^2 holds a1, and for cem b1/, "cem in 1; cem see b1@2"],
  "a text that stands twice": [/^a1 stands twice: at 2 and at 3/, "ann see a1@3; ben see a1@3"],
  "a text that nobody sent": [/^ann saw x, which nobody had sent/, "ann see x@3"],
  "a text seen before it is sent": [/^ann saw a9, which nobody had/, "ann see a9@3; ann say a9"],
  "an offset that nobody saw": [/^nobody saw what stands at 3/, "ann say a9; ann see a9@4"],
  "a gap": [/^cem saw 2 after 0: a gap/, "cem in 0; cem see a1@2"],
  "a gap after a resumption": [
    /^cem saw 3 after 1: a gap/,
    "cem in 0; cem see b1@1; cem lose; ann say a9; ann see a9@3; cem in 2; cem see a9@3",
  ],
  "a repeat": [/^ann saw 2 after 2: a repeat/, "ann see a1@2"],
  "a repeat after a resumption": [
    /^ann saw 2 after 2: a repeat/,
    "ann lose; ann in 1; ann see a1@2",
  ],
  "an older event after a newer one": [/^ann saw 1 after 2: a repeat/, "ann see b1@1"],
  "what was sent to somebody not greeted": [/^cem saw 1 before/, "cem connect; cem see b1@1"],
  "an end that is missing": [/^cem saw nothing after 1, of 2/, "cem in 0; cem see b1@1"],
  "one that leaves without its own": [
    /^cem left at 2 without its own 3/,
    "cem in 2; cem say c1; ann see c1@3; cem ack c1@3; cem leave",
  ],
  "no ack": [/^a9 was never acknowledged/, "ann say a9"],
  "no ack, and seen": [/^a9 was never acknowledged/, "ann say a9; ann see a9@3"],
  "an ack of nothing": [/^a9 was acknowledged and never sent/, "ann ack a9"],
  "acks that differ": [/^a1 was acknowledged with 2, and with 3/, "ann ack a1@3"],
  "an ack of what is lost": [
    /^a9 was acknowledged at 3, where undefined/,
    "ann say a9; ann ack a9@3",
  ],
  "an ack of another's place": [
    /^a9 was acknowledged at 2, where a1/,
    "ann say a9; ann ack a9@2; ann see a9@3; ben see a9@3",
  ],
  "an ack without a place": [/^a9 was acknowledged without an/, "ann say a9; ann ack a9"],
  "an error of another kind": [/^a9 was refused: internal/, "ann say a9; ann refuse a9 internal"],
  "what was given up, and stands twice": [
    /^a9 stands twice: at 3 and at 4/,
    "ann say a9; ann lose; ann abandon a9; ann in 2; ann see a9@3; ann see a9@4",
  ],
  "what was refused, and is there": [
    /^a9 is there, though refused/,
    "ann say a9; ann refuse a9 unavailable; ann see a9@3",
  ],
  "a sender's messages in another order": [
    /^a8 stands after a9, which was sent later/,
    "ann say a8; ann say a9; ann see a9@3; ann see a8@4; ann ack a8@4; ann ack a9@3",
  ],
  "an order that no resending explains": [
    /^a8 stands after a9, which was sent later/,
    `ann say a8; ann say a9; ann refuse a9 unavailable; ann say a9
     ann see a9@3; ann see a8@4; ann ack a8@4; ann ack a9@3`,
  ],
  "one that overtakes what was told": [
    /^b1 stands at 1, and was sent after 2 was told/,
    `ann in 0; ben in 0; ann say a1; ann ack a1@2; ben say b1; ben ack b1@1
     ann see b1@1; ann see a1@2; ben see b1@1; ben see a1@2`,
    "whole",
  ],
  "another life of the log": [/^the log had 2 lives/, "cem in 2 another"],
  "a resumption with losses": [/^ann resumed incompletely/, "ann resume"],
  "a counter that goes back": [/^ann saw c as 0 after 0.1/, "ann count 0; ann count 0.1"],
  "a counter that goes back after a reconnection": [
    /^ann saw c as 0 after 0.1/,
    "ann lose; ann in 2; ann count 0; ann count 0.1",
  ],
  "a counter without what was acknowledged": [
    /^cem saw c as 0: less than was acknowledged/,
    "cem in 2; cem count 0; cem count 0.1",
  ],
  "a counter ahead of what was sent": [/^ann saw c as 0.2: more than/, "ann count 0.2"],
  "a counter that lacks an increment": [
    /^ann saw c as 0.1 in the end: it is 0.2/,
    "ann add a9; ann ack a9",
  ],
  "a counter that one sees too little of": [
    /^ben saw c as 0.1 in the end: it is 0.2/,
    "ann add a9; ann ack a9; ann count 0.2",
  ],
  "a counter that had an increment twice": [
    /^ben saw c as 0.2 in the end: it is 0.1/,
    "ben count 0.2",
  ],
  "a counter that is not exact": [/as 0.100001 in the end: it is 0.1/, "ben count 0.100001"],
  "a counter that one never sees": [/^cem saw c as undefined in the end/, "cem in 2"],
  "a poll that loses a vote": [/^ann saw p as .*red.* after/, "ann stats red=1"],
  "a poll without what was acknowledged": [
    /^cem saw p as .* less than was/,
    "cem in 2; cem stats red=1",
  ],
  "a poll with too many votes": [/^ann saw p as .* more than was sent/, "ann stats red=1 blue=2"],
  "a poll where a vote did not move": [
    /^ann saw p as .*red",2.* in the end: it is .*blue",1.*red",1/,
    "ann stats red=2",
  ],
  "a poll that is behind in the end": [
    /^ben saw p as .* in the end: it is .*green",1/,
    "ben vote b9 green; ben ack b9; ann stats blue=1 green=1",
  ],
};

for (const [name, [fault, deeds, whole]] of Object.entries(BAD)) {
  Deno.test(`the checker finds ${name}`, () => {
    const faults = check(history(whole ? deeds : `${GOOD}; ${deeds}`));
    assert(faults.some((found) => fault.test(found)), `${fault} is not in: ${faults.join("; ")}`);
  });
}

Deno.test("many faults of one kind are summed up", () => {
  const many = Array.from({ length: 50 }, () => "ann see a1@2").join("; ");
  const faults = check(history(`${GOOD}; ${many}`));
  assertEquals([faults.length, faults.at(-1)], [11, "and 40 more of these"]);
});

Deno.test("a wait ends with the ack, and with the connection, and not with a refusal", () => {
  // Each deed takes a millisecond.
  const waits = "ann say a1; ann doubt a1; ann say a1; ann ack a1@1; ben say b1; ben ack b1@2";
  assertEquals(longestWait(history(waits)), 3);
  assertEquals(longestWait(history(waits), (client) => client === "ben"), 1);
  assertEquals(longestWait(history("ann say a1; ann lose; ann lose; ann say a1; ann ack a1@1")), 1);
});

/**
 * A history, in shorthand: the deeds, divided by semicolons or lines, are each somebody's name, a
 * verb, and what it takes. `K` is a key, and at the same time a chat's text.
 *
 * | deed                    | meaning                                                    |
 * | ----------------------- | ---------------------------------------------------------- |
 * | `in AFTER [EPOCH]`      | connects, and is greeted                                   |
 * | `connect`               | connects only                                              |
 * | `say K`, `add K`        | sends a chat, adds 0.1 to the counter `c`                  |
 * | `vote K ANSWER`         | votes in the poll `p`                                      |
 * | `ack K[@OFFSET]`        | is acknowledged                                            |
 * | `refuse K CODE`         | is refused; `doubt K`: it is unknown whether it is applied |
 * | `abandon K`             | gives it up                                                |
 * | `see K@OFFSET`          | sees a chat                                                |
 * | `count VALUE`           | sees the counter                                           |
 * | `stats [ANSWER=COUNT…]` | sees the poll                                              |
 * | `resume [complete]`     | is told how far the log reached                            |
 * | `lose`, `leave`         | loses the connection, goes                                 |
 */
function history(shorthand: string): Entry[] {
  const lines = shorthand.split(/[;\n]/).map((line) => line.trim()).filter((line) => line !== "");
  return lines.flatMap((line, at) => {
    const [client, verb, ...rest] = line.split(" ");
    return deedsOf(verb!, rest).map((deed) => ({ ...deed, client: client!, at }));
  });
}

function deedsOf(verb: string, [first = "", second = "", ...others]: string[]): Deed[] {
  const [key = "", offset] = first.split("@");
  switch (verb) {
    case "in":
      return [
        { does: "connect" },
        { does: "join", after: Number(first), epoch: second || "the epoch" },
      ];
    case "say":
      return [{ does: "send", key, message: { type: "chat", data: key } }];
    case "add":
      return [{ does: "send", key, message: { type: "counter", data: { id: "c", value: 0.1 } } }];
    case "vote":
      return [{ does: "send", key, message: { type: "poll", data: { id: "p", answer: second } } }];
    case "ack":
      return [{ does: "ack", key, offset: offset === undefined ? undefined : Number(offset) }];
    case "refuse":
      return [{ does: "refused", key, code: second, unknown: false }];
    case "doubt":
      return [{ does: "refused", key, code: "unavailable", unknown: true }];
    case "abandon":
      return [{ does: "abandon", key }];
    case "see":
      return [{ does: "see", sight: { type: "chat", offset: Number(offset), text: key } }];
    case "count":
      return [{ does: "see", sight: { type: "counter", id: "c", value: first } }];
    case "stats": {
      const counts = [first, second, ...others].filter((text) => text !== "");
      const stats = Object.fromEntries(counts.map((text) => text.split("=")));
      for (const answer in stats) stats[answer] = Number(stats[answer]);
      return [{ does: "see", sight: { type: "poll", id: "p", stats } }];
    }
    case "resume":
      return [{ does: "resume", complete: first === "complete" }];
    case "connect":
    case "lose":
    case "leave":
      return [{ does: verb }];
  }
  throw new TypeError(`No such deed: ${verb}`);
}
