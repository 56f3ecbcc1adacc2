/**
 * Custom elements over the client: one script tag, and a page has a room.
 *
 * @module
 */
import { TallyChat } from "./chat.ts";
import { TallyCounter } from "./counter.ts";
import { TallyPoll } from "./poll.ts";
import { TallyPresence } from "./presence.ts";
import { TallyReactions } from "./reactions.ts";
import { TallyStatus } from "./status.ts";

export { createClient } from "../client.ts";

const ELEMENTS = {
  "tally-chat": TallyChat,
  "tally-counter": TallyCounter,
  "tally-poll": TallyPoll,
  "tally-presence": TallyPresence,
  "tally-reactions": TallyReactions,
  "tally-status": TallyStatus,
};

for (const [name, element] of Object.entries(ELEMENTS)) {
  // The script may be in a page twice.
  if (!customElements.get(name)) customElements.define(name, element);
}
