import type { Client } from "../api.ts";

/** How a client's connection stands: `OFFLINE` when it has been lost, `ENDED` when none is sought. */
export type Standing = "CONNECTING" | "ONLINE" | "AWAY" | "OFFLINE" | "ENDED";

/** Calls `listener` now, and whenever a client's standing may have changed; returns what ends it. */
export function watchStanding(client: Client, listener: (standing: Standing) => void): () => void {
  let met = client.isConnected;
  const tell = (): void => {
    met ||= client.isConnected;
    listener(standingOf(client, met));
  };
  const end = client.onStatusChange(tell);
  // Without a network a connection may seem to stand for minutes.
  addEventListener("offline", tell);
  addEventListener("online", tell);
  tell();
  return () => {
    end();
    removeEventListener("offline", tell);
    removeEventListener("online", tell);
  };
}

function standingOf(client: Client, met: boolean): Standing {
  const status = client.getStatus();
  if (status === "OFFLINE") return "ENDED";
  if (!navigator.onLine) return "OFFLINE";
  return status === "CONNECTING" && met ? "OFFLINE" : status;
}
