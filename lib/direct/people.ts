import type { Identity } from "../auth/tokens.ts";
import { reportError } from "../errors.ts";
import type { Json } from "../protocol/json.ts";
import { keys } from "../store/keys.ts";
import type { Store } from "../store/store.ts";
import { shownId } from "./conversation.ts";

/** A user as others are told of it. */
export type Person = { readonly id: string | number; readonly [field: string]: Json };

/** Tells who users are, by their ids; whom it leaves out is told of by the id alone. */
export type ResolveUsers = (
  ids: readonly string[],
) => readonly Person[] | Promise<readonly Person[]>;

/** Who the users are: by default what their tokens last said of them. */
export class People {
  /** What has been noted; a token is remembered for a while, and looked at again then. */
  readonly #noted = new WeakSet<Identity>();

  constructor(readonly store: Store, readonly resolveUsers?: ResolveUsers) {}

  /** Takes over what a token says of its user. Rejects when it could not be stored. */
  async note(identity: Identity): Promise<void> {
    if (this.resolveUsers || this.#noted.has(identity)) return;
    const { userId, said = {} } = identity;
    const text = JSON.stringify(said);
    const key = keys.person(userId);
    const { value } = await this.store.get<string>(key);
    if ((value ?? "{}") !== text) await this.store.commit((atomic) => atomic.set(key, text));
    this.#noted.add(identity);
  }

  /** Who the users of `ids` are, each once. */
  async find(ids: Iterable<string>): Promise<Map<string, Person>> {
    const unique = [...new Set(ids)];
    const people = this.resolveUsers ? await this.#resolve(unique) : await this.#read(unique);
    return new Map(unique.map((id) => [id, people.get(id) ?? { id: shownId(id) }]));
  }

  async #resolve(ids: readonly string[]): Promise<Map<string, Person>> {
    try {
      const people = ids.length > 0 ? await this.resolveUsers!(ids) : [];
      return new Map(people.map((person) => [String(person.id), person]));
    } catch (error) {
      // Messages can be read without their authors' names.
      reportError(error);
      return new Map();
    }
  }

  async #read(ids: readonly string[]): Promise<Map<string, Person>> {
    const entries = await this.store.getMany(ids.map((id) => keys.person(id)));
    return new Map(entries.map(({ value }, i) => {
      const said = JSON.parse((value as string | null) ?? "{}");
      return [ids[i]!, { id: shownId(ids[i]!), ...said }];
    }));
  }
}
