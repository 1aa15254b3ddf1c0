/**
 * Fields: the type, range, step, default and description of one value. Schemas, reference pages, settings and flags are
 * built from them.
 */
export {
  type FieldFacts,
  field,
  fieldFacts,
  flag,
  float,
  group,
  integer,
  isUuidV4,
  isWebAddress,
  listOf,
  literal,
  oneOf,
  oneOrMoreOf,
  quoted,
  secret,
  severalOf,
  sha256,
  someOf,
  text,
  uuid,
  webAddress,
  words,
} from "./field.ts";
export { nearestWord } from "./nearest-word.ts";
export { describeField, type FieldTable, fieldTable, type Parameter, rangeOf } from "./table.ts";
export { valueFromText } from "./typed-text.ts";
