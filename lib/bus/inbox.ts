import { keys, type MailFields, type Mark } from "../store/keys.ts";
import type { Store } from "../store/store.ts";
import { joinTexts } from "../store/text.ts";
import { pause } from "../pause.ts";

/** A mark, with what the commit that left it said. */
export interface FoundMark {
  readonly room: string;
  readonly mark: Mark;
  readonly value: unknown;
  readonly versionstamp: string;
}

/** Does what an inbox asks for. */
export interface InboxReader {
  onMark(found: FoundMark): Promise<void>;
  onUser(user: string): Promise<void>;
  onMail(fields: MailFields, text: string): void;
}

interface Handled {
  readonly key: Deno.KvKey;
  readonly versionstamp: string;
  /** Whether it has been so for a while, and may be deleted. */
  cold: boolean;
}

const EVERYTHING = 100_000;
/** How far apart two looks are at least, in milliseconds: what comes meanwhile costs one together. */
const GAP_MS = 5;
/** How many marks are deleted at a time, each with a check. */
const CHUNK = 9;
const MAIL_KEY_LENGTH = keys.mail("", "", 0).length;

/**
 * What other isolates have left for this one to look up. Marks of the same thing lie on each other,
 * so a look costs what has changed, however often. Those looked up are only deleted when nothing
 * has been marked there for a while: what is busy would be marked anew at once.
 */
export class Inbox {
  readonly #handled = new Map<string, Handled>();
  readonly #read = new Set<string>();
  #looking: Promise<boolean> | undefined;
  #again = false;
  #closed = false;

  constructor(readonly store: Store, readonly owner: string, readonly reader: InboxReader) {}

  /** Whether there are marks that are still to be deleted. */
  get busy(): boolean {
    return this.#handled.size > 0;
  }

  /**
   * Looks up what there is, and what comes meanwhile. Never rejects.
   *
   * @returns whether there was anything that had not been looked up before.
   */
  look(): Promise<boolean> {
    this.#again = true;
    return this.#looking ??= this.#lookOn();
  }

  /** Notes that what a mark of this version asks for has been done already. */
  heard(room: string, mark: Mark, versionstamp: string): void {
    this.#done(keys.mark(this.owner, room, mark), versionstamp);
  }

  /** Deletes marks that have been done and have not been left anew since the last time. */
  async tidy(): Promise<void> {
    const cold = [...this.#handled].filter(([, handled]) => handled.cold);
    for (const handled of this.#handled.values()) handled.cold = true;
    for (let i = 0; i < cold.length && !this.#closed; i += CHUNK) {
      const chunk = cold.slice(i, i + CHUNK);
      const result = await this.store.commit((atomic) => {
        for (const [, { key, versionstamp }] of chunk) {
          atomic.check({ key, versionstamp }).delete(key);
        }
      });
      // Otherwise one was left anew meanwhile, or the answer was lost; another time.
      if (result.ok) { for (const [name] of chunk) this.#handled.delete(name); }
      else for (const [, handled] of chunk) await this.#forgetGone(handled);
    }
  }

  close(): void {
    this.#closed = true;
  }

  async #forgetGone({ key }: Handled): Promise<void> {
    const { versionstamp } = await this.store.get(key);
    if (versionstamp === null) this.#handled.delete(JSON.stringify(key));
  }

  async #lookOn(): Promise<boolean> {
    let found = false;
    while (this.#again && !this.#closed) {
      this.#again = false;
      try {
        found = await this.#lookOnce() || found;
        if (this.#again) await pause(GAP_MS);
      } catch {
        this.#again = true;
        await this.store.retry();
      }
    }
    // In the tick that found nothing more to do, or what comes now would go unseen.
    this.#looking = undefined;
    return found;
  }

  async #lookOnce(): Promise<boolean> {
    const entries = await this.store.list({ prefix: keys.inbox(this.owner) }, {
      limit: EVERYTHING,
    });
    const mails = entries.filter(({ key }) => key[2] === "mail");
    const due = entries.filter(({ key, versionstamp }) => {
      if (key[2] === "mail") return false;
      const handled = this.#handled.get(JSON.stringify(key));
      return !handled || handled.versionstamp < versionstamp;
    });
    this.#readMails(mails);
    await Promise.all(due.map(async ({ key, value, versionstamp }) => {
      if (key[2] === "user") {
        await this.reader.onUser(String(key[3]));
      } else {
        const [, , , room, ...mark] = key as unknown as [0, 1, 2, string, ...Mark];
        await this.reader.onMark({ room, mark, value, versionstamp });
      }
      this.#done(key, versionstamp);
    }));
    await this.#deleteMails(mails);
    return due.length + mails.length > 0;
  }

  #done(key: Deno.KvKey, versionstamp: string): void {
    const name = JSON.stringify(key);
    const handled = this.#handled.get(name);
    if (handled && handled.versionstamp >= versionstamp) return;
    this.#handled.set(name, { key, versionstamp, cold: false });
  }

  /** Hands on what has not been before, each sender's in the order sent. */
  #readMails(entries: readonly Deno.KvEntry<unknown>[]): void {
    const fresh = entries.filter((entry) => !this.#read.has(nameOf(entry)));
    for (const { value: { fields, text } } of joinTexts<MailFields>(fresh, MAIL_KEY_LENGTH)) {
      this.reader.onMail(fields, text);
    }
    for (const entry of fresh) this.#read.add(nameOf(entry));
  }

  async #deleteMails(entries: readonly Deno.KvEntry<unknown>[]): Promise<void> {
    for (let i = 0; i < entries.length; i += 500) {
      const some = entries.slice(i, i + 500);
      await this.store.commit((atomic) => some.forEach(({ key }) => atomic.delete(key)));
      for (const entry of some) this.#read.delete(nameOf(entry));
    }
  }
}

function nameOf({ key, versionstamp }: Deno.KvEntry<unknown>): string {
  return `${JSON.stringify(key)} ${versionstamp}`;
}
