import { load, startFloor, startTallyroom } from "./process.ts";
import { median, type Row } from "./report.ts";

const ROUNDS = 3;
const SECONDS = 4;
const TEXT = "hello, everyone in the room %n";
/** What a room makes of the message: the bare loop sends the same, for a frame's size counts. */
const EVENT =
  `{"type":"chat","data":{"message":"${TEXT}","user":{"suffix":1,"properties":{}}},"offset":"1000"}`;

/** Chat, committed and ordered, to many subscribers, beside a bare loop that commits nothing. */
export async function fanOut(connections: number): Promise<Row> {
  const plan = {
    connections,
    publishers: 8,
    window: 4,
    seconds: SECONDS,
    counted: '{"type":"chat"',
    marked: true,
  };
  const floors: number[] = [];
  const ours: number[] = [];
  let lost = 0;
  await using floor = await startFloor();
  await using tallyroom = await startTallyroom();
  for (let round = 0; round < ROUNDS; round++) {
    const bare = await load({ ...plan, message: EVENT, ports: [floor.port], path: "/" });
    floors.push(bare.delivered / bare.seconds);
    const room = await load({
      ...plan,
      message: `{"type":"chat","data":"${TEXT}"}`,
      ports: [tallyroom.port],
      path: `/websocket?room=bench-${round}`,
      setup: '{"type":"subscribe","data":"chat"}',
    });
    ours.push(room.delivered / room.seconds);
    lost += room.expected - room.delivered;
  }
  return {
    name: `chat to ${connections} subscribers, deliveries/s`,
    floor: median(floors),
    ours: median(ours),
    ratio: median(ours.map((value, i) => value / floors[i]!)),
    note: `${lost} lost`,
  };
}
