import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { inkstone } from "../../test/cli.ts";
import { encodeImage } from "../pictures/index.ts";

const box = { width: 24, height: 16, pixels: Uint8Array.from({ length: 1152 }, (_, i) => (i % 72 < 36 ? 20 : 220)) };

let cwd: string;
beforeEach(async () => {
  cwd = await mkdtemp(join(tmpdir(), "inkstone-vectorize-"));
  await writeFile(join(cwd, "box.png"), await encodeImage(box, { format: "PNG" }));
});
afterEach(() => rm(cwd, { recursive: true }));

const run = (...args: string[]) => inkstone(args, { cwd });

test("writes an SVG file next to the input, with the task that reproduces it, and never overwrites a file", async () => {
  expect(await run("vectorize", "box.png")).toMatchObject({ code: 0, out: "box.svg\n" });
  const svg = await readFile(join(cwd, "box.svg"), "utf8");
  expect(svg).toContain('width="24" height="16" viewBox="0 0 24 16"');
  expect(svg.match(/<path /g)).toHaveLength(2);
  expect(await run("vectorize", "box.png")).toMatchObject({ code: 0, out: "box-2.svg\n" });
  const { out } = await run("inspect", "--json", "box.svg");
  expect(JSON.parse(out)[0]).toMatchObject({
    format: "SVG",
    width: 24,
    parameters: { taskType: "vectorize", inputs: { image: expect.stringMatching(/^sha256:/) } },
  });
});

test("an error names the input", async () => {
  expect(await run("vectorize", "none.png")).toMatchObject({ code: 2, err: expect.stringContaining("FILE: none.png") });
  const named = await run("vectorize", "box.png", "--out", "box.png");
  expect(named).toMatchObject({ code: 2, err: expect.stringContaining("must end in .svg") });
  await run("vectorize", "box.png", "--out", "named.svg");
  const again = await run("vectorize", "box.png", "--out", "named.svg");
  expect(again).toMatchObject({ code: 2, err: expect.stringContaining("--overwrite replaces it") });
  expect(await run("vectorize", "box.png", "--out", "named.svg", "--overwrite")).toMatchObject({ code: 0 });
  const read = await run("vectorize", "named.svg");
  expect(read).toMatchObject({ code: 2, err: expect.stringContaining("FILE: named.svg: the image is SVG") });
});
