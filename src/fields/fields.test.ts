import { describe, expect, test } from "vitest";
import { z } from "zod";
import {
  describeField,
  fieldFacts,
  fieldTable,
  flag,
  float,
  group,
  integer,
  listOf,
  nearestWord,
  oneOf,
  rangeOf,
  severalOf,
  text,
  uuid,
  valueFromText,
} from "./index.ts";

const point = group("A point.", { x: integer("Across.", { min: 0, max: 9 }), y: integer("Down.", { min: 0 }) });
const schema = z.object({
  steps: integer("Steps.", { min: 1, max: 50 }).default(20),
  size: integer("Pixels.", { min: 128, max: 2048, step: 16 }),
  strength: float("How much.", { min: 0, max: 1, assumed: 0.8 }).optional(),
  points: listOf("Points.", point, 3).optional(),
});

describe("the table of a schema", () => {
  const table = fieldTable(schema);

  test("has every field by its path, including those of groups and lists of groups, in the order of the schema", () => {
    expect([...table.keys()]).toEqual(["steps", "size", "strength", "points", "points.x", "points.y"]);
    expect(table.get("points")?.keys).toEqual(["x", "y"]);
  });

  test("gives the meaning of an absent value, whether the schema fills it in or leaves it absent", () => {
    const defaults = [...table].map(([path, { required, default: fallback }]) => [path, required, fallback]);
    expect(defaults).toEqual([
      ["steps", false, 20],
      ["size", true, undefined],
      ["strength", false, 0.8],
      ["points", false, undefined],
      ["points.x", true, undefined],
      ["points.y", true, undefined],
    ]);
  });

  test("refuses a field without facts, by name", () => {
    expect(() => fieldTable(z.object({ odd: z.string() }))).toThrow("The field odd was not made by field.ts");
  });
});

test.each([
  [integer("", { min: 1, max: 50 }), "1 to 50"],
  [integer("", { min: 128, max: 2048, step: 16 }), "128 to 2048, step 16"],
  [integer("", { min: 3 }), "from 3"],
  [float("", { max: 2.5 }), "up to 2.5"],
  [text("", { min: 1, max: 200 }), "1 to 200 characters"],
  [oneOf("", ["a", "b"]), ""],
])("the range of %o reads %j", (one, range) => {
  expect(rangeOf(describeField(one))).toBe(range);
});

test.each([
  [integer("", {}), "12", 12],
  [integer("", {}), "-3", -3],
  [float("", {}), "1e-3", 0.001],
  [float("", {}), ".5", 0.5],
  [integer("", {}), "0x10", "0x10"],
  [integer("", {}), "", ""],
  [integer("", {}), "12 ", "12 "],
  [flag(""), "TRUE", true],
  [flag(""), "0", false],
  [flag(""), "yes", "yes"],
  [text(""), "12", "12"],
  [severalOf("", text(""), 4), "a, b,,c ", ["a", "b", "c"]],
])("%# a typed text becomes the value of its field, or stays a text that the schema refuses", (one, typed, value) => {
  expect(valueFromText(fieldFacts.get(one as never)!, typed)).toEqual(value);
});

test.each([
  ["widht", "width"],
  ["WIDTH", "width"],
  ["hight", "height"],
  ["heigth", "height"],
  ["depth", undefined],
  ["x", undefined],
])("%s is closest to %s", (given, meant) => {
  expect(nearestWord(given, ["width", "height"])).toBe(meant);
});

test("a UUID is one of version 4, in any letter case", () => {
  const id = "97784197-F610-40A8-9B6C-b62e5b6e2621";
  expect(uuid("").safeParse(id).success).toBe(true);
  for (const other of [id.replace("40A8", "10A8"), id.slice(1), `${id}0`, ""])
    expect(uuid("").safeParse(other).success).toBe(false);
});
