import { spawn } from "node:child_process";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

/** One block of the real one's widths, from the synthetic files to the table: converting, loading and drawing at true dimensions. */
test("npm run bench:real -- --blocks 1 generates, and prints times and memory", async () => {
  const main = fileURLToPath(new URL("real/main.ts", import.meta.url));
  const args = ["--blocks", "1", "--layers", "1", "--sizes", "64", "--steps", "1"];
  const child = spawn(process.execPath, [main, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  const [out, err, code] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    new Promise((resolve) => child.on("close", resolve)),
  ]);
  expect(code, err).toBe(0);
  expect(out).toMatch(/^int8: [\d.]+ GB on disk, made in \d+ s$/m);
  expect(out).toContain("1 of 60 blocks, 1 of 28 text layers");
  const cells = /^\| 64² \|(.+)\|$/m
    .exec(out)![1]!
    .split("|")
    .map((cell) => Number.parseFloat(cell));
  expect(cells).toHaveLength(11);
  expect(cells.every(Number.isFinite)).toBe(true);
  const [anonymous, resident] = cells.slice(-3) as [number, number]; // gigabytes
  // The table of words alone has 1.1 GB: it is read where it lies.
  expect(anonymous).toBeLessThan(2);
  expect(resident).toBeGreaterThan(0.1);
});
