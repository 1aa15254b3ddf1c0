import { expect, test } from "vitest";
import { fitInside } from "./picture.ts";

test.each([
  [
    { width: 400, height: 200 },
    { width: 100, height: 100 },
    { width: 100, height: 50 },
  ],
  [
    { width: 200, height: 401 },
    { width: 100, height: 100 },
    { width: 50, height: 100 },
  ],
  [
    { width: 40, height: 20 },
    { width: 100, height: 100 },
    { width: 40, height: 20 },
  ],
  [
    { width: 3000, height: 2 },
    { width: 100, height: 100 },
    { width: 100, height: 1 },
  ],
])("an image of %o in %o has %o", (picture, bounds, expected) => {
  expect(fitInside(picture, bounds)).toEqual(expected);
});
