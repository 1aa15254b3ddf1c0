import { expect, test } from "vitest";
import { isFileName } from "./files.ts";

const UUID = "0b6f1e36-7f3e-4c0e-9b51-2f9f6a1e8c47";

test.each(["jpg", "png", "webp", "avif", "gif", "tiff"])("an imageUUID and .%s is the name of a stored file", (end) => {
  expect(isFileName(`${UUID}.${end}`)).toBe(true);
});

test.each([
  ["no ending", UUID],
  ["another ending", `${UUID}.html`],
  ["a digit too few", `${UUID.slice(0, -1)}.png`],
  ["a digit too many", `${UUID}0.png`],
  ["dashes elsewhere", `${UUID.replaceAll("-", "")}----.png`],
  ["capitals", `${UUID.toUpperCase()}.png`],
  ["a folder", `../${UUID}.png`],
  ["more behind it", `${UUID}.png/..`],
])("%s is not one", (_, name) => {
  expect(isFileName(name)).toBe(false);
});
