/** `npm run check:gpu` at toy size on the processor: what is carried to a machine with a GPU works before it gets there. */

import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";

test("compares every stage and measures every form", { timeout: 240_000 }, async () => {
  const program = fileURLToPath(new URL("check.ts", import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, [
    program,
    "--device",
    "cpu",
    "--toy",
    "--blocks",
    "1",
  ]);
  for (const stage of ["velocity", "VAE decoder", "VAE encoder"]) expect(stdout).toContain(`| ${stage} | 0.0e+0 |`);
  for (const form of ["4 bit", "8 bit", "16 bit"])
    expect(stdout).toMatch(new RegExp(`\\| ${form}.*s \\|.*\\| 0\\.0e\\+0 \\|`));
});
