import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { traceImage } from "./trace.ts";

/** A red square on a blue ground. */
function square(side: number) {
  const pixels = new Uint8Array(3 * side * side);
  for (let i = 0; i < side * side; i++) {
    const [x, y] = [i % side, Math.floor(i / side)];
    const inside = [x, y].every((at) => at >= side / 4 && at < (3 * side) / 4);
    pixels.set(inside ? [255, 0, 0] : [0, 0, 255], 3 * i);
  }
  return { width: side, height: side, pixels };
}

function noise(side: number) {
  let state = 1;
  const pixels = Uint8Array.from({ length: 3 * side * side }, () => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return state >>> 24;
  });
  return { width: side, height: side, pixels };
}

const fills = (paths: string) => [...paths.matchAll(/fill="(#\w+)"/g)].map(([, fill]) => fill);

test("areas become shapes in their colours, from back to front", async () => {
  const { width, height, paths } = await traceImage(square(64));
  expect([width, height, fills(paths)]).toEqual([64, 64, ["#0000FF", "#FF0000"]]);
  expect(paths).toContain('transform="translate(16,16)"');
});

test("transparent pixels stay transparent, and a transparent image has no shapes", async () => {
  const picture = square(64);
  const alpha = Uint8Array.from({ length: 64 * 64 }, (_, i) => (picture.pixels[3 * i] === 255 ? 255 : 0));
  expect(fills((await traceImage({ ...picture, alpha })).paths)).toEqual(["#FF0000"]);
  expect(await traceImage({ ...picture, alpha: alpha.fill(0) })).toEqual({ width: 64, height: 64, paths: "" });
});

test("half-transparent colours become those on white", async () => {
  const picture = { width: 16, height: 16, pixels: new Uint8Array(768), alpha: new Uint8Array(256).fill(155) };
  expect(fills((await traceImage(picture)).paths)).toEqual(["#646464"]);
});

test("a huge image is traced at 4 megapixels", async () => {
  const { width, height, paths } = await traceImage(square(4096));
  expect([width, height, fills(paths).length]).toEqual([2048, 2048, 2]);
}, 60_000);

test.each([1, 2])("an image with sides of %i pixels", async (side) => {
  expect((await traceImage(square(side))).paths).toMatch(/^<path /);
});

test("too many shapes are refused, by time and by size", async () => {
  const refused = { parameter: "inputs.image", message: expect.stringContaining("too many small areas") };
  await expect(traceImage(noise(128), { maxLength: 1000 })).rejects.toMatchObject(refused);
  await expect(traceImage(noise(1024), { timeoutMs: 500 })).rejects.toMatchObject(refused);
});

test("aborting ends it at once", async () => {
  const abort = new AbortController();
  const traced = traceImage(noise(1024), { signal: abort.signal });
  setTimeout(() => abort.abort(new Error("enough")), 300);
  const before = performance.now();
  await expect(traced).rejects.toThrow("enough");
  expect(performance.now() - before).toBeLessThan(5000); // it would take far longer: 40 s on busy cores
});

test.runIf(process.platform === "linux")("its process ends with it", async () => {
  const { pid } = process;
  const children = async () => {
    return (await readFile(`/proc/${pid}/task/${pid}/children`, "utf8")).trim();
  };
  const before = await children();
  await traceImage(square(16));
  expect(await children()).toBe(before);
});
