import type { Json } from "../protocol/json.ts";

/** The properties a session has set for itself in a room. */
export type Properties = { readonly [name: string]: Json };

/** What a room knows of a session, in the forms it is sent in. Immutable: a login makes a new one. */
export class Profile {
  readonly propertiesJson: string;
  /** JSON of what everyone may know: the suffix, and the properties without a leading `_`. */
  readonly publicJson: string;
  readonly publicProperties: Properties;

  constructor(readonly suffix: number, readonly properties: Properties) {
    this.propertiesJson = JSON.stringify(properties);
    const entries = Object.entries(properties);
    const publicEntries = entries.filter(([name]) => !name.startsWith("_"));
    this.publicProperties = publicEntries.length === entries.length
      ? properties
      : Object.fromEntries(publicEntries);
    this.publicJson = JSON.stringify({ suffix, properties: this.publicProperties });
  }
}
