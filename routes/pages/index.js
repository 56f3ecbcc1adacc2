import { connect, report } from "./connect.js";
import { offerCopy } from "./copy.js";
import { part } from "./page.js";

// Each connection anew: this vote has gone with the last one.
const client = connect(() => report(client.vote("here", "yes", { ephemeral: true })), "lobby");
client.subscribe("counter:waves", ({ value }) => {
  part("waves").textContent = Number(value).toLocaleString("en");
});
client.subscribe("ephemeralPoll:here", ({ stats }) => part("here").textContent = stats.yes ?? 0);
part("wave").addEventListener("click", () => report(client.counter("waves")));

const snippet = part("snippet");
const origin = location.origin.replace(/^http/, "ws");
snippet.textContent = snippet.textContent.replace("wss://your.host", origin);
offerCopy(part("copy"), snippet);
