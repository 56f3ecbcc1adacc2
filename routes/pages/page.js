/** What the page's address asks for. */
export const query = new URLSearchParams(location.search);

/** The one element that is marked with `data-id`. */
export function part(id) {
  return document.querySelector(`[data-id="${id}"]`);
}

/** Has the page and its widgets be in the room that its address asks for; returns its name. */
export function enterRoom(fallback = "demo") {
  const room = query.get("room") || fallback;
  part("room").textContent = room;
  // Before the widgets' script is there, so that they never enter another room.
  for (const widget of document.querySelectorAll("[room]")) widget.setAttribute("room", room);
  if (query.get("room")) keepRoom(room);
  return room;
}

/** Has the links to the other pages lead to the same room. */
export function keepRoom(room) {
  for (const link of document.querySelectorAll("nav a")) {
    const url = new URL(link.href);
    url.searchParams.set("room", room);
    link.href = url.href;
  }
}

/** Shows what went wrong; nothing, once something has gone well. */
export function notice(text = "") {
  part("notice").textContent = text;
}

/** `1 vote`, `2 votes`. */
export function counted(count, thing) {
  return `${count} ${thing}${count === 1 ? "" : "s"}`;
}
