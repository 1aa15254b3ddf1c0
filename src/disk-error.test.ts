import { expect, test } from "vitest";
import { isDiskError, isDiskFull } from "./disk-error.ts";

const failed = (code: string) => Object.assign(new Error(code), { code });

test.each([
  ["ENOSPC", true, true],
  ["EDQUOT", true, true],
  ["EFBIG", false, true],
  ["EROFS", false, true],
  ["ECONNRESET", false, false],
])("%s: full %s, of the disk %s, also as a cause", (code, full, disk) => {
  for (const error of [failed(code), new Error("no image", { cause: new Error("no file", { cause: failed(code) }) })])
    expect([isDiskFull(error), isDiskError(error)]).toEqual([full, disk]);
});

test("nothing else is an error of the disk", () => {
  for (const error of [undefined, "ENOSPC", new Error("ENOSPC"), { code: "ENOSPC" }])
    expect(isDiskError(error)).toBe(false);
});
