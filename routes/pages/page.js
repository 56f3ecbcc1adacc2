import { Room } from "./room.js";

/** What the page's address asks for. */
export const query = new URLSearchParams(location.search);

/** The one element that is marked with `data-id`. */
export function part(id) {
  return document.querySelector(`[data-id="${id}"]`);
}

/** Enters the room of the page's address, and shows which it is and whether it is connected. */
export function enterRoom(fallback = "demo") {
  const room = new Room(query.get("room") || fallback);
  part("room").textContent = room.name;
  const state = part("state");
  room.onstate = () => {
    if (state.textContent !== room.state) state.textContent = state.dataset.state = room.state;
  };
  room.onstate();
  if (query.get("room")) {
    for (const link of document.querySelectorAll("nav a, a.window")) {
      const url = new URL(link.href);
      url.searchParams.set("room", room.name);
      link.href = url.href;
    }
  }
  return room;
}

/** Shows what went wrong; nothing, once something has gone well. */
export function notice(text = "") {
  part("notice").textContent = text;
}

/** `1 vote`, `2 votes`. */
export function counted(count, thing) {
  return `${count} ${thing}${count === 1 ? "" : "s"}`;
}
