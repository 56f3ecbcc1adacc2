import { admitAdmins } from "./inspect_admin.js";
import { watchData } from "./inspect_data.js";
import { FrameList } from "./inspect_list.js";
import { watchLog } from "./inspect_log.js";
import { watchMembers } from "./inspect_members.js";
import { Recording } from "./inspect_recording.js";
import { Sender } from "./inspect_send.js";
import { watchCounters, watchPolls } from "./inspect_tallies.js";
import { Wire } from "./inspect_wire.js";
import { counted, keepRoom, notice, part, query } from "./page.js";

const wire = new Wire();
const recording = new Recording();
const list = new FrameList(recording, part("list"));

wire.on("frame", ({ direction, text }) => {
  recording.add(direction, text);
  offerTypes(recording.frames.at(-1).types);
  list.update();
});
wire.on("state", () => {
  part("state").textContent = part("state").dataset.state = wire.state;
  part("who").textContent = "";
  part("leave").disabled = wire.state === "offline";
  if (wire.state !== "offline") return;
  recording.add("note", wire.why);
  list.update();
  notice(wire.why === "Left" ? "" : `${wire.why}. Join again when you like.`);
});
wire.on("message", ({ type, data }) => {
  if (type === "profile") part("who").textContent = `You are #${data.suffix}`;
});

const wanted = [part("containing"), part("of-type"), part("way")];
for (const control of wanted) {
  control.addEventListener("input", () => {
    const [text, type, direction] = wanted.map(({ value }) => value);
    list.filter({ text, type, direction });
  });
}
list.onshown = ({ shown, all, waiting }) => {
  const some = shown === all - waiting ? "" : `${shown} of `;
  part("amount").textContent = `${some}${counted(all - waiting, "frame")}`;
  part("pause").textContent = !list.paused
    ? "Pause"
    : waiting > 0
    ? `Resume (${waiting})`
    : "Resume";
};
list.ondone = (what) => part("done").textContent = what;
part("pause").addEventListener("click", () => {
  list.pause(!list.paused);
  list.ondone(list.paused ? "Paused" : "Resumed");
});
part("clear").addEventListener("click", () => {
  list.clear();
  list.ondone("Cleared");
});
part("export").addEventListener("click", () => {
  const url = URL.createObjectURL(
    new Blob([recording.export(wire.room)], { type: "application/json" }),
  );
  const link = Object.assign(document.createElement("a"), { href: url, download: "frames.json" });
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
  list.ondone(`Exported ${counted(recording.frames.length, "frame")}`);
});

part("join").addEventListener("submit", (event) => {
  event.preventDefault();
  join(part("name").value);
});
part("leave").addEventListener("click", () => wire.leave());

watchMembers(wire);
watchCounters(wire);
watchPolls(wire);
watchData(wire);
watchLog(wire);
admitAdmins(wire);
join(query.get("room") || "demo");
offerMessages().catch((error) => notice(`The server's messages are unknown: ${error.message}`));

function join(room) {
  notice();
  part("room").textContent = part("name").value = room;
  const page = new URL(location.href);
  page.searchParams.set("room", room);
  history.replaceState(null, "", page);
  keepRoom(room);
  wire.join(room, {
    token: part("token").value,
    channel: part("channel").value,
    batch: part("batch").checked,
  });
}

/** What a frame can be chosen by: the types that there have been, as far as a list can be read. */
function offerTypes(types) {
  const select = part("of-type");
  for (const type of types) {
    if (select.length > 200 || [...select.options].some(({ value }) => value === type)) continue;
    const after = [...select.options].find(({ value }) => value > type);
    select.add(new Option(type, type), after ?? null);
  }
}

async function offerMessages() {
  const { channels, operations } = await (await fetch("/asyncapi.json")).json();
  const sent = operations.send.messages.map(({ $ref }) => $ref.split("/").at(-1));
  const sender = new Sender(wire, sent.map((name) => channels.room.messages[name]));
  list.onreuse = (text) => sender.edit(text);
}
