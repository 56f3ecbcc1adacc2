import type { Store } from "./store.ts";

/**
 * Texts of any length in a store whose values end at 64 KiB: the first piece under the key itself,
 * each further one under the key and its number.
 */

/** A piece's length in UTF-16 units; each may take two bytes, and the value's frame a few. */
const PIECE = 32_000;
/** More pieces than this no text has. */
const MAX_PIECES = 100;

interface FirstPiece<Fields> {
  readonly fields: Fields;
  readonly text: string;
  /** How many pieces follow. */
  readonly more: number;
}

/** A text, and whatever small fields are kept beside it. */
export interface TextValue<Fields> {
  readonly fields: Fields;
  readonly text: string;
}

/** How many mutations {@linkcode setText} makes of `text`. */
export function pieceCount(text: string): number {
  return Math.max(1, Math.ceil(text.length / PIECE));
}

/** Writes `text` and `fields` at `key`. */
export function setText<Fields>(
  atomic: Deno.AtomicOperation,
  key: Deno.KvKey,
  { fields, text }: TextValue<Fields>,
  options?: { expireIn: number },
): void {
  const more = pieceCount(text) - 1;
  const first: FirstPiece<Fields> = { fields, text: text.slice(0, PIECE), more };
  atomic.set(key, first, options);
  for (let i = 1; i <= more; i++) {
    atomic.set([...key, i], text.slice(i * PIECE, (i + 1) * PIECE), options);
  }
}

/** Deletes a text that lies in at most `pieces` pieces. */
export function deleteText(atomic: Deno.AtomicOperation, key: Deno.KvKey, pieces: number): void {
  atomic.delete(key);
  for (let i = 1; i < pieces; i++) atomic.delete([...key, i]);
}

/** Reads one text, and the version of its newest writing. */
export async function readText(
  store: Pick<Store, "list">,
  key: Deno.KvKey,
): Promise<{ text?: string; version: string | null }> {
  const entries = await store.list({ start: key, end: [...key, Infinity] }, { limit: MAX_PIECES });
  const text = joinTexts(entries, key.length)[0]?.value.text;
  return text === undefined ? { version: null } : { text, version: entries[0]!.versionstamp };
}

/**
 * Joins the pieces among `entries`, which are in key order. A text of which a piece is missing (it
 * expired meanwhile, or the listing ended inside it) is left out.
 */
export function joinTexts<Fields>(
  entries: readonly Deno.KvEntry<unknown>[],
  keyLength: number,
): { key: Deno.KvKey; value: TextValue<Fields> }[] {
  const texts: { key: Deno.KvKey; value: TextValue<Fields> }[] = [];
  for (let i = 0; i < entries.length; i++) {
    const { key, value } = entries[i]!;
    if (key.length !== keyLength) continue;
    const { fields, text, more } = value as FirstPiece<Fields>;
    const rest = entries.slice(i + 1, i + 1 + more);
    const whole = rest.length === more &&
      rest.every((piece, n) =>
        piece.key.length === keyLength + 1 && piece.key[keyLength - 1] === key[keyLength - 1] &&
        piece.key[keyLength] === n + 1
      );
    if (!whole) continue;
    texts.push({ key, value: { fields, text: text + rest.map((piece) => piece.value).join("") } });
  }
  return texts;
}
