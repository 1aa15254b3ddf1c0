/**
 * Builders of fields. Each field is a zod schema plus the facts that error messages, reference pages, settings and
 * flags are built from.
 */

import { z } from "zod";

/** The constraints of a field, in the words of an error message. */
export interface FieldFacts {
  /** The type, as error items name it. */
  readonly type: string;
  /** Completes the sentence "X must be …". */
  readonly rule: string;
  readonly about: string;
  readonly min?: number;
  readonly max?: number | bigint;
  readonly multiplier?: number;
  readonly allowedValues?: readonly string[];
  /** The meaning of an absent value, if the schema leaves it absent. */
  readonly assumed?: unknown;
  /** The value never appears in an error message. */
  readonly secret?: boolean;
  /** The value is an image: the command line accepts a file for it. */
  readonly image?: boolean;
}

/** The facts of every field schema built here. */
export const fieldFacts = z.registry<FieldFacts>();

/** Attaches facts to a schema. */
export function field<Schema extends z.ZodType>(schema: Schema, facts: FieldFacts): Schema {
  const described = schema.meta({ description: facts.about });
  fieldFacts.add(described, facts);
  return described;
}

/** The meaning of an absent value. */
interface Assumed<Value> {
  readonly assumed?: Value;
}

interface NumberRange {
  readonly min?: number;
  readonly max?: number;
  readonly step?: number;
}

/** A whole number. */
export function integer(about: string, { min, max, step, assumed }: NumberRange & Assumed<number>) {
  let schema = z.int();
  if (min !== undefined) schema = schema.min(min);
  if (max !== undefined) schema = schema.max(max);
  if (step !== undefined) schema = schema.multipleOf(step);
  return field(schema, {
    type: "integer",
    rule: `an integer value ${between(min, max)}${step === undefined ? "" : `, in multiples of '${step}'`}`,
    about,
    min,
    max,
    multiplier: step,
    assumed,
  });
}

/** A number with decimals. The check of `step` tolerates the rounding of binary fractions. */
export function float(about: string, { min, max, step, assumed }: NumberRange & Assumed<number>) {
  let schema = z.number();
  if (min !== undefined) schema = schema.min(min);
  if (max !== undefined) schema = schema.max(max);
  if (step !== undefined) schema = schema.refine((value) => isMultiple(value, step)).meta({ multipleOf: step });
  const bounded = min !== undefined || max !== undefined;
  return field(schema, {
    type: "float",
    rule: `a float value${bounded ? ` ${between(min, max)}` : ""}${step === undefined ? "" : `, in steps of '${step}'`}`,
    about,
    min,
    max,
    multiplier: step,
    assumed,
  });
}

const isMultiple = (value: number, step: number): boolean =>
  Math.abs(value / step - Math.round(value / step)) < 1e-6 * Math.max(1, Math.abs(value / step));

function between(min?: number, max?: number): string {
  if (min === undefined) return `of at most ${max}`;
  return max === undefined ? `of at least ${min}` : `between ${min} and ${max}`;
}

/** Text with a length limit. */
export function text(about: string, { min = 0, max }: { readonly min?: number; readonly max?: number } = {}) {
  let schema = z.string().min(min);
  if (max !== undefined) schema = schema.max(max);
  const length = max === undefined ? "" : ` with ${min} to ${max} characters`;
  return field(schema, { type: "string", rule: `a string value${length}`, about, min: min || undefined, max });
}

/** Text that never appears in a message. */
export function secret(about: string) {
  return field(z.string().min(1).max(512), { type: "string", rule: "a non-empty string value", about, secret: true });
}

/** A boolean value. */
export function flag(about: string, { assumed }: Assumed<boolean> = {}) {
  return field(z.boolean(), { type: "boolean", rule: "a boolean value", about, assumed });
}

/** One of a few words. With `anyCase`, any letter case is accepted and normalised. */
export function oneOf<const Values extends readonly [string, ...string[]]>(
  about: string,
  values: Values,
  {
    anyCase = false,
    find,
    assumed,
  }: { readonly anyCase?: boolean; readonly find?: (given: string) => Values[number] | undefined } & Assumed<
    NoInfer<Values[number]>
  > = {},
) {
  const search = find ?? ((given: string) => values.find((value) => value.toLowerCase() === given.toLowerCase()));
  const tidy = (given: unknown) => (typeof given === "string" && (anyCase || find) ? (search(given) ?? given) : given);
  const schema = z.preprocess(tidy, z.enum(values));
  return field(schema, {
    type: "string",
    rule: `one of the supported values. Supported values are: ${quoted(values)}`,
    about,
    allowedValues: values,
    assumed,
  });
}

/** `'a', 'b', 'c'` */
export const quoted = (values: readonly string[]): string => values.map((value) => `'${value}'`).join(", ");

/** A single allowed value. */
export function literal<const Value extends string | true>(about: string, value: Value) {
  return field(z.literal(value), { type: typeof value, rule: `'${value}'`, about });
}

const UUID_V4 = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/i;

/** True if `value` is a UUID v4, in any letter case. */
export const isUuidV4 = (value: unknown): boolean => typeof value === "string" && UUID_V4.test(value);

/** A UUID v4. Its letter case is preserved. */
export function uuid(about: string) {
  const schema = z.string().refine(isUuidV4).meta({ format: "uuid" });
  return field(schema, { type: "string", rule: "a UUID v4 string value", about });
}

/** An http or https address. */
export function webAddress(about: string) {
  const schema = z.string().max(8192).refine(isWebAddress).meta({ format: "uri" });
  return field(schema, { type: "string", rule: "an absolute http or https URL without credentials", about });
}

export function isWebAddress(value: string): boolean {
  if (!URL.canParse(value)) return false;
  const { protocol, username, password } = new URL(value);
  return (protocol === "http:" || protocol === "https:") && username === "" && password === "";
}

/** A SHA-256 checksum. */
export function sha256(about: string) {
  const schema = z.string().regex(/^[0-9a-f]{64}$/i);
  return field(schema, { type: "string", rule: "64 hexadecimal digits", about });
}

/** A group of parameters. Unknown keys are errors. */
export function group<Shape extends z.ZodRawShape>(about: string, shape: Shape) {
  return field(z.strictObject(shape), { type: "object", rule: "an object", about });
}

/** One or more groups. */
export function listOf<Item extends z.ZodType>(about: string, item: Item, max: number) {
  return field(z.array(item).min(1).max(max), {
    type: "object[]",
    rule: `an array of 1 to ${max} objects`,
    about,
    min: 1,
    max,
  });
}

/** One or more values of the same kind. */
export function severalOf<Item extends z.ZodType>(about: string, item: Item, max: number) {
  const { type, image } = fieldFacts.get(item)!;
  return field(z.array(item).min(1).max(max), {
    type: `${type}[]`,
    rule: `an array of 1 to ${max} values`,
    about,
    min: 1,
    max,
    image,
  });
}

/** A list of strings. */
export function words(about: string, max: number) {
  return field(z.array(z.string().max(200)).max(max), {
    type: "string[]",
    rule: `an array of at most ${max} strings`,
    about,
  });
}

/** One of a few words, or a list of them. The parsed value is a list without duplicates. */
export function oneOrMoreOf<const Values extends readonly [string, ...string[]]>(
  about: string,
  values: Values,
  fallback: NoInfer<Values[number]>,
): z.ZodDefault<z.ZodType<readonly Values[number][], Values[number] | Values[number][]>> {
  const word = z.enum(values);
  const schema = z
    .union([word, z.array(word).min(1).max(100)])
    .transform((given): readonly Values[number][] => [...new Set([given].flat())]);
  return field(schema, {
    type: "string|string[]",
    rule: `one or more of the supported values. Supported values are: ${quoted(values)}`,
    about,
    allowedValues: values,
    assumed: fallback,
  }).default([fallback]);
}

/** A list of one or more of a few words. */
export function someOf<const Values extends readonly [string, ...string[]]>(about: string, values: Values) {
  const schema = z.array(z.enum(values)).min(1);
  return field(schema, {
    type: "string[]",
    rule: `one or more of the supported values. Supported values are: ${quoted(values)}`,
    about,
    allowedValues: values,
  });
}
