import type { Client } from "../api.ts";
import { h } from "./dom.ts";
import { TallyElement } from "./element.ts";
import { type Standing, watchStanding } from "./standing.ts";

const TEXTS: Record<Standing, string> = {
  CONNECTING: "Connecting",
  ONLINE: "Online",
  AWAY: "Away",
  OFFLINE: "Offline",
  ENDED: "Disconnected",
};

/** `<tally-status room="…">`: how the connection stands. */
export class TallyStatus extends TallyElement {
  static override readonly css: string = `
:host { display: inline-block; background: none; }
[part="status"] { display: inline-flex; align-items: center; gap: 0.5em; }
/* Full, ringed, open or dashed: the status can be told without colours. */
[part="status"]::before { content: ""; flex: none; inline-size: 0.7em; block-size: 0.7em; border-radius: 50%; border: 2px dashed var(--_muted); }
[data-status="ONLINE"]::before { border: 0; background: light-dark(#2f9e44, #69db7c); }
[data-status="AWAY"]::before { border: 3px solid light-dark(#c27803, #ffc078); }
[data-status="OFFLINE"]::before, [data-status="ENDED"]::before { border: 2px solid light-dark(#c92a2a, #ff8787); }
[part="offline"] { display: none; }
`;

  protected start(client: Client): Node[] {
    const place = h("span", { part: "status", role: "status" });
    this.until(watchStanding(client, (standing) => {
      place.dataset.status = standing;
      if (place.textContent !== TEXTS[standing]) place.textContent = TEXTS[standing];
    }));
    return [place];
  }
}
