import { serialize } from "node:v8";

/** What a commit shall hold. It may be asked for again, so it changes nothing else. */
export type Fill = (atomic: Deno.AtomicOperation) => void;

/** What a part of a key, a check and a mutation take beside their contents, in bytes; roughly. */
const PART = 2;
const NUMBER_PART = 10;
const CHECK = 16;
const MUTATION = 14;

/** About how many bytes a KV server is sent for what `fill` puts in. */
export function requestSize(fill: Fill): number {
  const counter = new Counter();
  fill(counter as unknown as Deno.AtomicOperation);
  return counter.bytes;
}

/** Takes the place of a commit, and only counts. */
class Counter implements Pick<Deno.AtomicOperation, "check" | "set" | "delete" | "sum"> {
  bytes = 0;

  check(...checks: Deno.AtomicCheck[]): never {
    for (const { key } of checks) this.bytes += CHECK + keySize(key);
    return this as never;
  }

  set(key: Deno.KvKey, value: unknown): never {
    this.bytes += MUTATION + keySize(key) + serialize(value).byteLength;
    return this as never;
  }

  delete(key: Deno.KvKey): never {
    this.bytes += MUTATION + keySize(key);
    return this as never;
  }

  sum(key: Deno.KvKey): never {
    this.bytes += MUTATION + keySize(key) + 8;
    return this as never;
  }
}

function keySize(key: Deno.KvKey): number {
  let size = 0;
  for (const part of key) size += typeof part === "string" ? PART + part.length : NUMBER_PART;
  return size;
}
