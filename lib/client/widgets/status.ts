import type { Client, Status } from "../api.ts";
import { h } from "./dom.ts";
import { TallyElement } from "./element.ts";

const TEXTS: Record<Status, string> = {
  CONNECTING: "Connecting …",
  ONLINE: "Online",
  AWAY: "Away",
  OFFLINE: "Disconnected",
};

/** `<tally-status room="…">`: how the connection stands. */
export class TallyStatus extends TallyElement {
  static override readonly css: string = `
:host { display: inline-block; }
[part="status"] { display: inline-flex; align-items: center; gap: 0.5em; }
[part="status"]::before { content: ""; inline-size: 0.65em; block-size: 0.65em; border-radius: 50%; background: var(--_muted); }
[data-status="ONLINE"]::before { background: light-dark(#2f9e44, #69db7c); }
[data-status="AWAY"]::before { background: light-dark(#e8890c, #ffc078); }
[data-status="OFFLINE"]::before { background: light-dark(#c92a2a, #ff8787); }
[part="offline"] { display: none; }
`;

  protected start(client: Client): Node[] {
    const place = h("span", { part: "status", role: "status" });
    const show = (): void => {
      const status = client.getStatus();
      place.dataset.status = status;
      place.textContent = TEXTS[status];
    };
    this.until(client.onStatusChange(show));
    show();
    return [place];
  }
}
