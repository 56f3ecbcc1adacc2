import type { Author, Client } from "../api.ts";
import { h, nameOf } from "./dom.ts";

/** How long somebody counts as typing, and how often that is said, in milliseconds. */
const TYPING_MS = 3000;
const TELL_TYPING_MS = 1500;
/** Of more than these only the number is told. */
const MAX_NAMED = 2;

/** Tells the room that something is being typed into a field. */
export function tellTyping(client: Client, input: HTMLInputElement): void {
  let toldAt = -Infinity;
  input.addEventListener("input", () => {
    // What has been sent is not being typed any more, and what comes next is told at once.
    if (input.value === "") toldAt = -Infinity;
    else if (performance.now() - toldAt >= TELL_TYPING_MS) {
      toldAt = performance.now();
      client.signal("typing", true);
    }
  });
}

/** Shows who is typing in the room; returns what ends it. */
export function showTyping(client: Client, place: HTMLElement): () => void {
  const typists = new Map<number, { readonly name: string; readonly timer: number }>();
  const show = (): void => place.replaceChildren(...sentence(typists));
  const stop = (suffix: number): void => {
    clearTimeout(typists.get(suffix)?.timer);
    if (typists.delete(suffix)) show();
  };
  const said = ({ user }: { user: Author }): void => stop(user.suffix);
  client.on("chat", said);
  const unsubscribe = client.subscribe("signal:typing", ({ user }) => {
    if (!user) return;
    clearTimeout(typists.get(user.suffix)?.timer);
    const known = typists.get(user.suffix)?.name;
    const name = nameOf(user);
    const timer = setTimeout(() => stop(user.suffix), TYPING_MS);
    typists.set(user.suffix, { name, timer });
    if (name !== known) show();
  });
  return () => {
    unsubscribe();
    client.off("chat", said);
    for (const { timer } of typists.values()) clearTimeout(timer);
  };
}

function sentence(typists: ReadonlyMap<number, { readonly name: string }>): (Node | string)[] {
  if (typists.size === 0) return [];
  if (typists.size > MAX_NAMED) return [`${typists.size} people are typing …`];
  const names = [...typists.values()].flatMap(({ name }) => [" and ", h("bdi", {}, name)]).slice(1);
  return [...names, typists.size === 1 ? " is typing …" : " are typing …"];
}
