type Attributes = { readonly [name: string]: string | boolean | undefined };

/**
 * An element with attributes (`false` and `undefined` leave one out, `true` sets it empty) and
 * children. Texts stay texts: nothing that others wrote becomes markup.
 */
export function h<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  attributes: Attributes = {},
  ...children: (Node | string)[]
): HTMLElementTagNameMap[Tag] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === false) continue;
    element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children);
  return element;
}

/** What a value of others' says, as text. */
export function shown(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value) ?? "";
}

/** A member's or author's name: what it calls itself, else its number in the room. */
export function nameOf({ suffix, properties }: {
  readonly suffix: number;
  readonly properties: { readonly [name: string]: unknown };
}): string {
  const { name } = properties;
  return typeof name === "string" && name.trim() !== "" ? name : `Guest ${suffix}`;
}
