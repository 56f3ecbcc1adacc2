import { startDenokv } from "./denokv.ts";
import { join, type Member } from "./member.ts";
import { paced, pause } from "./pace.ts";
import { type Running, startTallyroom } from "./process.ts";
import { quantile, type Table } from "./report.ts";

const RATE = 100;
/** Each in two rounds that alternate. */
const SECONDS = 5;
const ROUNDS = 2;
/** Messages at the start of a round that are not measured. */
const WARM_UP = 50;

/** How long a chat message takes to one on another isolate, beside one on the sender's own. */
export async function latency(): Promise<Table> {
  const rows = [await betweenIsolates(), await betweenProcesses()];
  return {
    headings: [
      `chat at ${RATE} messages/s, ms`,
      ...["one isolate: median", "p99", "to another: median", "p99", ""],
    ],
    rows: rows.filter((row) => row !== undefined),
  };
}

async function betweenIsolates(): Promise<Table["rows"][number]> {
  await using tallyroom = await startTallyroom({ isolates: 2 });
  return await measure("two isolates of one process", tallyroom, tallyroom);
}

async function betweenProcesses(): Promise<Table["rows"][number] | undefined> {
  await using denokv = await startDenokv();
  if (!denokv) return undefined;
  await using first = await startTallyroom({ denokv });
  await using second = await startTallyroom({ denokv });
  return await measure("two processes over denokv", first, second);
}

async function measure(
  name: string,
  from: Running,
  to: Running,
): Promise<Table["rows"][number]> {
  const own: number[] = [];
  const others: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    own.push(...await toOneself(from, `own-${round}`));
    others.push(...await toAnother(from, to, `others-${round}`));
  }
  const lost = 2 * ROUNDS * (RATE * SECONDS - WARM_UP) - own.length - others.length;
  const figures = [own, others].flatMap((times) => [quantile(times, 0.5), quantile(times, 0.99)]);
  return [name, ...figures, `${lost} lost`];
}

/** The floor: alone in a room, a member gets its messages from the isolate that it sends them to. */
async function toOneself(server: Running, room: string): Promise<number[]> {
  const times = new Times();
  const member = await join(server.port, room, times.received);
  await times.sendFrom(member);
  member.socket.close();
  return times.measured;
}

async function toAnother(from: Running, to: Running, room: string): Promise<number[]> {
  const times = new Times();
  const publisher = await join(from.port, room);
  const subscriber = await joinElsewhere(to.port, room, publisher, times.received);
  await times.sendFrom(publisher);
  publisher.socket.close();
  subscriber.socket.close();
  return times.measured;
}

/** Joins on another isolate than `other` is on; which one gets a connection is not to be chosen. */
async function joinElsewhere(
  port: number,
  room: string,
  other: Member,
  onChat: (message: number) => void,
): Promise<Member> {
  for (let attempt = 0; attempt < 100; attempt++) {
    const member = await join(port, room, onChat);
    if (member.instance !== other.instance) return member;
    member.socket.close();
  }
  throw new Error("All connections reach the same isolate");
}

/** One round's times from sending to receipt, in milliseconds, by the same clock. */
class Times {
  readonly measured: number[] = [];
  readonly #sentAt: number[] = [];

  /** Sends a round's messages, numbered, and waits for the last of them. */
  async sendFrom({ socket }: Member): Promise<void> {
    await pause(1000);
    const sent = await paced(RATE, SECONDS, (i) => {
      this.#sentAt[i] = performance.now();
      socket.send(JSON.stringify({ type: "chat", data: i }));
    });
    for (let i = 0; i < 50 && this.measured.length < sent - WARM_UP; i++) await pause(50);
  }

  readonly received = (message: number): void => {
    if (message >= WARM_UP) this.measured.push(performance.now() - this.#sentAt[message]!);
  };
}
