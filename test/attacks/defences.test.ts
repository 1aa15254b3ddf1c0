import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { DEFENCES } from "./defences.ts";

/**
 * Suites whose attack no database takes part in: the files of the embedded one, and who may call. All others run on the embedded one and on
 * PostgreSQL. (This file holds their word too, and is none.)
 */
const WITHOUT_DATABASE = ["local-users", "proxy", "unix-socket"];

const suites = readdirSync("test/attacks").flatMap((name) => /^(.*)\.test\.ts$/.exec(name)?.[1] ?? []);

test.each(DEFENCES)("$finding: $defence", ({ suite, file, code }) => {
  expect(readFileSync(file, "utf8").split(code), file).toHaveLength(2);
  expect(suites).toContain(suite);
});

test("every suite has a defence without which it fails", () => {
  expect([...new Set(DEFENCES.map(({ suite }) => suite)), "defences"].toSorted()).toEqual(suites.toSorted());
});

test("every suite whose attack reaches the database runs on both", () => {
  const onOne = suites.filter(
    (name) => !readFileSync(`test/attacks/${name}.test.ts`, "utf8").includes("onEachDatabase("),
  );
  expect(onOne.toSorted()).toEqual(WITHOUT_DATABASE);
});
