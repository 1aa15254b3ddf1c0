import { describe, expect, it } from "vitest";
import type { RgbImage } from "../../src/pictures/index.ts";
import { canny } from "../../src/pictures/preprocess/canny.ts";
import { scribble, softEdge, tile } from "../../src/pictures/preprocess/guide.ts";
import { expectIdentical, expectPicture } from "./compare.ts";
import { readTensors } from "./fixture.ts";

describe.each(["drawing", "clouds", "noise"])("guide images of %s equal those of OpenCV", (name) => {
  const { tensors } = readTensors(`preprocess/${name}.safetensors`);
  const { data, dims } = tensors.get("picture")!;
  const picture: RgbImage = { width: dims[1]!, height: dims[0]!, pixels: data as Uint8Array };

  it.each([...tensors.keys()].filter((key) => key.startsWith("canny/")))("%s, pixel for pixel", (key) => {
    const [low, high] = key.split("/").slice(1).map(Number) as [number, number];
    const edges = canny(picture, low, high);
    expect([edges.height, edges.width]).toEqual(tensors.get(key)!.dims);
    expectIdentical(key, edges.pixels, tensors.get(key)!.data);
  });

  it("scribble, pixel for pixel", () => {
    expectIdentical("scribble", scribble(picture).pixels, tensors.get("scribble")!.data);
  });

  it("soft edges and tile, to one 8-bit value", () => {
    expectPicture(softEdge(picture).pixels, tensors.get("soft-edge")!);
    expectPicture(tile(picture).pixels, tensors.get("tile")!);
  });
});

it("an image of one colour has no edges, whatever its size", () => {
  for (const [width, height] of [
    [1, 1],
    [1, 9],
    [8, 8],
  ] as const) {
    const flat = { width, height, pixels: new Uint8Array(width * height * 3).fill(90) };
    for (const { pixels } of [canny(flat, 0, 1), scribble(flat), softEdge(flat)]) {
      expect(pixels.every((value) => value === 0)).toBe(true);
    }
    expect(tile(flat).pixels).toEqual(flat.pixels);
  }
});
