import { sha256 } from "./inspect_sha256.js";
import { part } from "./page.js";

const ID = "sign in";

/** Makes the connection an admin's. The signing key is used here, and goes nowhere. */
export function admitAdmins(wire) {
  const key = part("key");
  const answer = (text, kind = "") => {
    part("admin-answer").textContent = text;
    part("admin-answer").dataset.kind = kind;
  };
  const showRole = (role) => part("role").textContent = part("role").dataset.role = role;
  part("admin-form").addEventListener("submit", async (event) => {
    event.preventDefault();
    const ts = String(Date.now());
    const { room } = wire;
    const signature = await sha256(`${room}${ts}${key.value}`);
    key.value = "";
    const message = { type: "authenticate", data: { ts, key: signature }, id: ID };
    if (room !== wire.room || !wire.send(JSON.stringify(message))) {
      answer("Join a room first.", "error");
    }
  });
  wire.on("joining", () => {
    answer("");
    showRole("user");
  });
  wire.on("message", ({ type, id, data }) => {
    if (type === "profile") showRole(data.role);
    if (id !== ID) return;
    if (type === "ack") answer("You are an admin.", "ack");
    if (type === "error") answer(`Refused: ${data.code}. ${data.message}`, "error");
  });
}
