type Attributes = { readonly [name: string]: string | boolean | undefined };

/** How much of a name is shown. */
const NAME_LENGTH = 40;

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

/** What a member or author has chosen to be called, else a guest. */
export function nameOf({ properties: { name } }: {
  readonly properties: { readonly [name: string]: unknown };
}): string {
  const chosen = typeof name === "string" ? name.trim() : "";
  return [...chosen].slice(0, NAME_LENGTH).join("") || "Guest";
}

/** `Ann #3`: names are anyone's to choose, the number is the session's own. */
export function byline(
  somebody: Parameters<typeof nameOf>[0] & { readonly suffix: number },
): (Node | string)[] {
  return [
    h("bdi", {}, nameOf(somebody)),
    " ",
    h("span", { part: "number" }, `#${somebody.suffix}`),
  ];
}

/** A colour of the wheel, as far as can be from those of the numbers beside it. */
export function hueOf(suffix: number): string {
  return String(suffix * 137 % 360);
}

/** `1 vote`, `2 votes`. */
export function counted(count: number, thing: string): string {
  return `${count} ${thing}${count === 1 ? "" : "s"}`;
}
