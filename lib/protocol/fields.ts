import { z } from "zod";
import { fitsBytes, isJsonObject, isWithinDepth, type Json } from "./json.ts";

/** The limits that the shapes of messages depend on. */
export interface FieldLimits {
  readonly maxIdBytes: number;
  readonly maxDepth: number;
  readonly maxPropertiesBytes: number;
  /** How long a value of a room's data may be, as JSON. */
  readonly maxDataBytes: number;
}

/** The fields that messages are made of. */
export interface Fields {
  /** A name of a counter, poll or answer; numbers and booleans count as their text. */
  readonly id: z.ZodType<string>;
  /** An event's type. */
  readonly type: z.ZodType<string>;
  /** What to subscribe to: `event` or `event:id`. */
  readonly topic: z.ZodType<string>;
  /** Any value. */
  readonly json: z.ZodType<Json>;
  /** A value of a room's data. */
  readonly value: z.ZodType<Json>;
  /** An object of any members. */
  readonly object: z.ZodType<{ [name: string]: Json }>;
  /** A session's properties. */
  readonly properties: z.ZodType<{ [name: string]: Json }>;
  /** An offset in a log: a whole number, or its decimal text. */
  readonly offset: z.ZodType<number>;
}

/** Half of a surrogate pair has no UTF-8, and so no key in the store of its own. */
const wellFormed = (text: string): boolean => text.isWellFormed();

export function createFields(
  { maxIdBytes, maxDepth, maxPropertiesBytes, maxDataBytes }: FieldLimits,
): Fields {
  const text = (name: string): z.ZodType<string, string> =>
    z.string(`must be ${name}, as text`).min(1, "must not be empty")
      .refine((value) => fitsBytes(value, maxIdBytes), `must be at most ${maxIdBytes} bytes`)
      .refine(wellFormed, "must be well-formed Unicode");

  const shallow = (value: unknown): boolean => isWithinDepth(value, maxDepth);
  const tooDeep = `must not nest deeper than ${maxDepth} levels`;
  // Values are taken as JSON.parse made them. A schema would copy each, and lose `__proto__`.
  const json = z.custom<Json>((value) => value !== undefined, "must be given")
    .refine(shallow, tooDeep).meta({ description: "Any JSON value." });
  const object = z.custom<{ [name: string]: Json }>(isJsonObject, "must be an object")
    .refine(shallow, tooDeep).meta({ type: "object" });

  return {
    id: z.union([z.string(), z.number(), z.boolean()], "must be text, a number or a boolean")
      .transform(String).pipe(text("a name")),
    type: text("an event's type"),
    topic: text('an event\'s name, such as "chat" or "counter:visits"'),
    json,
    // Numbers such as 1e20 are longer as JSON than they came.
    value: json.refine(
      (value) => fitsBytes(JSON.stringify(value), maxDataBytes),
      `must take at most ${maxDataBytes} bytes as JSON`,
    ),
    object,
    properties: object.refine(
      (value) => fitsBytes(JSON.stringify(value), maxPropertiesBytes),
      `must take at most ${maxPropertiesBytes} bytes as JSON`,
    ),
    offset: z.union([z.number(), z.string().regex(/^\d{1,16}$/)], OFFSET_FAULT)
      .transform(Number).pipe(z.number().int(OFFSET_FAULT).nonnegative(OFFSET_FAULT)),
  };
}

const OFFSET_FAULT = 'must be an offset, such as "17"';
