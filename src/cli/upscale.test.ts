import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { inkstone } from "../../test/cli.ts";
import { decodeImage, encodeImage, readMetadata } from "../pictures/index.ts";

const box = { width: 24, height: 16, pixels: Uint8Array.from({ length: 1152 }, (_, i) => (i % 72 < 36 ? 20 : 220)) };

let cwd: string;
beforeEach(async () => {
  cwd = await mkdtemp(join(tmpdir(), "inkstone-upscale-"));
  await writeFile(join(cwd, "box.png"), await encodeImage(box, { format: "PNG" }));
});
afterEach(() => rm(cwd, { recursive: true }));

const upscale = (...args: string[]) => inkstone(["upscale", ...args], { cwd });

test("writes the enlarged image next to the input, with the task that reproduces it", async () => {
  expect(await upscale("box.png", "--factor", "3")).toMatchObject({ code: 0, out: "box-3x.png\n" });
  const bytes = await readFile(join(cwd, "box-3x.png"));
  const { width, height, pixels } = await decodeImage(bytes);
  expect([width, height]).toEqual([72, 48]);
  const [left, right] = [pixels[(24 * 72 + 12) * 3]!, pixels[(24 * 72 + 60) * 3]!];
  expect([Math.abs(left - 20) < 12, Math.abs(right - 220) < 12]).toEqual([true, true]);
  expect((await readMetadata(bytes))?.parameters).toMatchObject({
    taskType: "upscale",
    upscaleFactor: 3,
    inputs: { image: expect.stringMatching(/^sha256:/) },
  });
});

test("enlarges twofold by default, into the requested file and format", async () => {
  expect(await upscale("box.png", "--out", "large.webp")).toMatchObject({ code: 0, out: "large.webp\n" });
  expect(await decodeImage(await readFile(join(cwd, "large.webp")))).toMatchObject({ width: 48, format: "WEBP" });
});

test("an error names the flag", async () => {
  const wrong = await upscale("box.png", "--factor", "5");
  expect([wrong.code, wrong.err]).toEqual([2, expect.stringMatching(/^--factor: .*between 2 and 4/)]);
  expect(await upscale("none.png")).toMatchObject({ code: 2, err: expect.stringContaining("FILE: none.png") });
});
