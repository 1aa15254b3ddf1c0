import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, it } from "vitest";
import { checkpointPath } from "../golden/fixture.ts";

const run = promisify(execFile);
const MEBIBYTE = 2 ** 20;

async function measure(what: "many" | "large") {
  const script = fileURLToPath(new URL("memory.ts", import.meta.url));
  const { stdout } = await run(process.execPath, ["--expose-gc", script, what, checkpointPath("plain")]);
  return JSON.parse(stdout);
}

it("memory does not grow over 200 images", { timeout: 600_000 }, async () => {
  const [early, middle, late] = (await measure("many")) as [number, number, number];
  // Kept as floats, 200 of these pictures would be 13 MiB; the allocator alone moves by two.
  expect((late - early) / MEBIBYTE, `resident after 50, 150, 250: ${[early, middle, late]}`).toBeLessThan(6);
});

// Pieces of 1024×1024 and what the VAE sees around them, so that no seam differs from a whole decode: 613 MiB were measured.
it("decoding 2048×2048 stays within 768 MiB above the memory of the networks", { timeout: 600_000 }, async () => {
  const { before, peak } = (await measure("large")) as { before: number; peak: number };
  expect((peak - before) / MEBIBYTE).toBeLessThan(768);
});
