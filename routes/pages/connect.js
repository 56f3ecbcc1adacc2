// @ts-ignore: the server makes it, so that there is no such file here.
import { createClient } from "/client.js";
import { enterRoom, notice, part } from "./page.js";

/**
 * Connects to the room of the page's address, and shows how the connection stands; `onmet` is called
 * over each connection anew.
 */
export function connect(onmet, fallback) {
  const client = createClient({ endPoint: location.origin, room: enterRoom(fallback) });
  client.onStatusChange(({ status, previousStatus }) => {
    const text = client.isConnected ? status.toLowerCase() : "offline";
    part("state").textContent = part("state").dataset.state = text;
    if (client.isConnected && previousStatus === "CONNECTING") onmet();
  });
  client.on("error", ({ message }) => notice(message));
  return client;
}

/** Shows why something was refused; nothing, once something has been done. */
export function report(sent) {
  return sent.then(() => notice(), ({ error }) => notice(error.message));
}
