/**
 * What one subscribes to: an event's name, and optionally the id of one thing that has such
 * events, written `event` or `event:id`. The id may contain further colons.
 */
export interface Topic {
  readonly event: string;
  readonly id?: string;
}

/** Splits `event:id` at its first colon. */
export function parseTopic(text: string): Topic {
  const colon = text.indexOf(":");
  return colon === -1
    ? { event: text }
    : { event: text.slice(0, colon), id: text.slice(colon + 1) };
}

/** The kinds of room state whose newest value subscribers get; see the state feed. */
const STATE_EVENTS = ["counter", "poll", "ephemeralPoll", "data"] as const;
export type StateEvent = typeof STATE_EVENTS[number];
/** Those that are kept in the store. */
export type StoredStateEvent = Exclude<StateEvent, "ephemeralPoll">;

/** One counter, poll or value of a room's data. */
export interface StateRef {
  readonly event: StateEvent;
  readonly id: string;
}

export function isStateEvent(event: string): event is StateEvent {
  return (STATE_EVENTS as readonly string[]).includes(event);
}
