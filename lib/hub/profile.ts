import type { Json } from "../protocol/json.ts";

/** The properties a session has set for itself in a room. */
export type Properties = { readonly [name: string]: Json };

/** What a room knows of a session. Immutable: a login makes a new one. */
export class Profile {
  #publicJson: string | undefined;

  constructor(readonly suffix: number, readonly properties: Properties) {}

  /** What everyone may know: the properties without a leading `_`. */
  get publicProperties(): Properties {
    const entries = Object.entries(this.properties);
    return Object.fromEntries(entries.filter(([name]) => !name.startsWith("_")));
  }

  /** JSON of what everyone may know of the session as a message's author. */
  get publicJson(): string {
    const { suffix, publicProperties: properties } = this;
    return this.#publicJson ??= JSON.stringify({ suffix, properties });
  }
}
