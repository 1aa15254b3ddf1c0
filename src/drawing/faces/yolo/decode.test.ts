import { expect, test } from "vitest";
import { decodeYolo, UnknownYoloOutput } from "./decode.ts";

test("raw outputs: centre and size become corners, the threshold itself counts, landmarks are passed over", () => {
  // 3 boxes in columns of cx, cy, w, h, score and one landmark
  const rows = [10, 20, 30, 10, 20, 30, 4, 4, 4, 8, 8, 8, 0.5, 0.49, 0.9, 7, 7, 7];
  const data = new Float32Array([...rows.slice(0, 15), ...rows.slice(15)]);
  const { faces, overlapping } = decodeYolo({ data: pad(data, 6, 3, 8), dims: [1, 6, 8] }, 0.5);
  expect(overlapping).toBe(true);
  expect(faces.map(({ box }) => box)).toEqual([
    { left: 8, top: 6, width: 4, height: 8 },
    { left: 28, top: 26, width: 4, height: 8 },
  ]);
  expect(faces.map(({ score }) => score)).toEqual([0.5, Math.fround(0.9)]);
});

/** Widens rows of `from` columns to `to` with zeros. */
function pad(data: Float32Array, rows: number, from: number, to: number): Float32Array {
  const wide = new Float32Array(rows * to);
  for (let row = 0; row < rows; row++) wide.set(data.subarray(row * from, (row + 1) * from), row * to);
  return wide;
}

test("finished outputs: corners as they are, empty rows and other classes left out", () => {
  const data = new Float32Array([1, 2, 5, 9, 0.8, 0, 0, 0, 0, 0, 0, 0, 1, 2, 5, 9, 0.9, 1]);
  const { faces, overlapping } = decodeYolo({ data, dims: [1, 3, 6] }, 0);
  expect(overlapping).toBe(false);
  expect(faces).toEqual([{ box: { left: 1, top: 2, width: 4, height: 7 }, score: Math.fround(0.8) }]);
});

test("other outputs are refused with their shape", () => {
  const output = { data: new Float32Array(8), dims: [2, 4] };
  expect(() => decodeYolo(output, 0.5)).toThrow(UnknownYoloOutput);
  expect(() => decodeYolo(output, 0.5)).toThrow("[2, 4]");
  expect(() => decodeYolo({ data: new Float32Array(25_200 * 16), dims: [1, 25_200, 16] }, 0.5)).toThrow(
    "[1, 25200, 16]",
  );
});
