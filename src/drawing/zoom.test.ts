import fc from "fast-check";
import { expect, test } from "vitest";
import { zoomRegion } from "./zoom.ts";

const picture = { width: 400, height: 200 };

test("the bounds with their margin, widened to the picture's aspect", () => {
  expect(zoomRegion({ left: 180, top: 80, width: 20, height: 20 }, 30, picture)).toEqual({
    left: 110, // 150…230 by 50…130: 80 wide becomes 160
    top: 50,
    width: 160,
    height: 80,
  });
  expect(zoomRegion({ left: 100, top: 95, width: 200, height: 10 }, 10, picture)).toEqual({
    left: 90,
    top: 45, // 220 wide needs 110 in height
    width: 220,
    height: 110,
  });
});

test("at the picture's border it moves inside, and it never grows beyond the picture", () => {
  expect(zoomRegion({ left: 0, top: 0, width: 10, height: 60 }, 20, picture)).toEqual({
    left: 0,
    top: 0,
    width: 160,
    height: 80,
  });
  expect(zoomRegion({ left: 390, top: 10, width: 10, height: 180 }, 10, picture)).toEqual({
    left: 0,
    top: 0,
    width: 400,
    height: 200,
  });
});

test("it holds the bounds and their margin wherever the picture does", () => {
  const side = fc.integer({ min: 1, max: 300 });
  fc.assert(
    fc.property(side, side, fc.nat(299), fc.nat(299), side, side, fc.nat(128), (w, h, x, y, bw, bh, margin) => {
      const bounds = { left: x % w, top: y % h, width: 0, height: 0 };
      bounds.width = 1 + (bw % (w - bounds.left));
      bounds.height = 1 + (bh % (h - bounds.top));
      const region = zoomRegion(bounds, margin, { width: w, height: h });
      expect(region.left).toBeGreaterThanOrEqual(0);
      expect(region.top).toBeGreaterThanOrEqual(0);
      expect(region.left).toBeLessThanOrEqual(Math.max(0, bounds.left - margin));
      expect(region.top).toBeLessThanOrEqual(Math.max(0, bounds.top - margin));
      expect(region.left + region.width).toBeGreaterThanOrEqual(Math.min(w, bounds.left + bounds.width + margin));
      expect(region.top + region.height).toBeGreaterThanOrEqual(Math.min(h, bounds.top + bounds.height + margin));
      expect(region.left + region.width).toBeLessThanOrEqual(w);
      expect(region.top + region.height).toBeLessThanOrEqual(h);
    }),
  );
});
