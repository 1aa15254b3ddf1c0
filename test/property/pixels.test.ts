import fc from "fast-check";
import { expect, it } from "vitest";
import { fromRgb, toRgb } from "../../src/engine/pixels.ts";

const picture = fc
  .record({ width: fc.integer({ min: 1, max: 12 }), height: fc.integer({ min: 1, max: 12 }) })
  .chain(({ width, height }) =>
    fc
      .uint8Array({ minLength: 3 * width * height, maxLength: 3 * width * height })
      .map((pixels) => ({ width, height, pixels })),
  );

it("an image survives the conversion to -1…1 and back", () => {
  fc.assert(
    fc.property(picture, (image) => {
      expect(toRgb(fromRgb(image), image.width, image.height)).toEqual({
        ...image,
        pixels: new Uint8Array(image.pixels),
      });
    }),
  );
});

it("any float becomes a byte; a brighter one never becomes a darker byte", () => {
  const level = fc.float({ noNaN: true });
  fc.assert(
    fc.property(level, level, (a, b) => {
      const { pixels } = toRgb(Float32Array.of(Math.min(a, b), Math.max(a, b), 0), 1, 1);
      expect(pixels[0]).toBeLessThanOrEqual(pixels[1]!);
    }),
  );
});
