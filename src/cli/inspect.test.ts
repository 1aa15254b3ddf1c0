import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { inkstone } from "../../test/cli.ts";
import { encodeImage } from "../pictures/index.ts";

let cwd: string;
beforeEach(async () => {
  cwd = await mkdtemp(join(tmpdir(), "inkstone-inspect-"));
  const image = { width: 20, height: 10, pixels: new Uint8Array(600) };
  const parameters = { positivePrompt: "春 & co", seed: 18446744073709551615n, CFGScale: 4 };
  const metadata = { software: "inkstone 9.9.9", parameters };
  await writeFile(join(cwd, "ours.webp"), await encodeImage(image, { format: "WEBP", metadata }));
  await writeFile(join(cwd, "plain.png"), await encodeImage(image, { format: "PNG" }));
});
afterEach(() => rm(cwd, { recursive: true }));

const inspect = (...args: string[]) => inkstone(["inspect", ...args], { cwd });

test("for people", async () => {
  const { code, out } = await inspect("ours.webp", "plain.png");
  expect(code).toBe(0);
  expect(out).toBe(`ours.webp
  WEBP, 20×10
  software        inkstone 9.9.9
  positivePrompt  春 & co
  seed            18446744073709551615
  CFGScale        4

plain.png
  PNG, 20×10
  contains no parameters of Inkstone
`);
});

test("for programs, with all digits of the seed", async () => {
  const { out } = await inspect("--json", "ours.webp");
  expect(out).toContain('"seed": 18446744073709551615');
  expect(JSON.parse(out)).toMatchObject([{ file: "ours.webp", format: "WEBP", width: 20, height: 10 }]);
});

test("a missing file and a file that is no image are named", async () => {
  expect(await inspect("none.png")).toMatchObject({ code: 2, err: "none.png cannot be read: no such file" });
  await writeFile(join(cwd, "text.png"), "hello");
  expect(await inspect("text.png")).toMatchObject({
    code: 2,
    err: "text.png: the image is text; allowed are PNG, JPG, WEBP, AVIF, GIF and TIFF",
  });
});
