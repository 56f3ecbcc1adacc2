import { enterRoom, notice, part } from "./page.js";

const room = enterRoom("lobby");
room.subscribe("counter:waves");
room.subscribe("ephemeralPoll:here");
room.on("counter", ({ value }) => part("waves").textContent = Number(value).toLocaleString("en"));
room.on("ephemeralPoll", ({ stats }) => part("here").textContent = stats.yes ?? 0);
// Each connection anew: this vote has gone with the last one.
room.on("connection", () => room.send("ephemeralPoll", { id: "here", answer: "yes" }));

part("wave").addEventListener("click", () => {
  room.ask("counter", { id: "waves" }).then(() => notice(), (error) => notice(error.message));
});

const snippet = part("snippet");
const origin = location.origin.replace(/^http/, "ws");
snippet.textContent = snippet.textContent.replace("wss://your.host", origin);

const copy = part("copy");
copy.addEventListener("click", async () => {
  getSelection().selectAllChildren(snippet);
  try {
    await navigator.clipboard.writeText(snippet.textContent);
    copy.textContent = "Copied";
  } catch {
    copy.textContent = "Selected";
  }
  setTimeout(() => copy.textContent = "Copy", 2000);
});
