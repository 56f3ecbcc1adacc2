/** What this window keeps under a name; nothing, where the browser is told to keep nothing. */
export function recall(name) {
  try {
    return sessionStorage.getItem(name) ?? undefined;
  } catch {
    return undefined;
  }
}

/** Keeps a text for this window alone: two windows are two sessions, and so two voters. */
export function remember(name, text) {
  try {
    sessionStorage.setItem(name, text);
  } catch {
    // The window is then a new visitor after each reload.
  }
}

/** Text that nobody guesses. `crypto.randomUUID` would need https, which a local network lacks. */
export function randomId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
