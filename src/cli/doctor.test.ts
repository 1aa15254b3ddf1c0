import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { inkstone, tinyCheckpoint } from "../../test/cli.ts";
import { checkNode, describeMemory, describeSpeed } from "./doctor.ts";

const tinyFile = join(tinyCheckpoint, "model_index.json", "data");

let cwd: string;
beforeEach(async () => {
  cwd = await mkdtemp(join(tmpdir(), "inkstone-doctor-"));
});
afterEach(() => rm(cwd, { recursive: true }));

test("on a working machine eight checks pass, and no file stays behind", async () => {
  const data = join(cwd, "not", "yet");
  const { code, out } = await inkstone(["doctor", "--model", tinyCheckpoint, "--data-dir", data], { cwd });
  expect(out.match(/^ok/gm)).toHaveLength(8);
  expect(out).toContain("is complete, loads in");
  expect(out).toMatch(/^ok {6}memory {9}.* GB available of .* GB; .* GB for weights, about .* GB more for an image/m);
  expect(out).toMatch(/^ok {6}speed {10}.* s at 512 × 512, .* s at 1024 × 1024/m);
  expect(code).toBe(0);
  expect(await readdir(cwd)).toEqual([]);
});

test("a failed check is reported, the other checks still run, and the exit code is 1", async () => {
  const { code, out, err } = await inkstone(["doctor", "--model", "a:b@1", "--data-dir", tinyFile], {
    cwd,
    env: { INKSTONE_MODELS_DIR: cwd },
  });
  expect(out).toMatch(/^FAILED {2}checkpoint {5}model is "a:b@1"; known models:/m);
  expect(out).toMatch(/^FAILED {2}data folder/m);
  expect(out).toMatch(/^ok {6}ONNX Runtime/m);
  expect(code).toBe(1);
  expect(err).toBe("4 checks failed");
});

test("the plan of a large model: memory, disk, what runs from it, and what is loaded only while it is used", () => {
  const plan = { perSession: 4, prepack: false, keep: false, stored: 28.3e9, mapped: 26.8e9, copied: 0.9e9 };
  expect(describeMemory({ ...plan, working: 1.6e9, available: 20e9 })).toMatch(
    /^20\.00 GB available of [\d.]+ GB; 0\.90 GB for weights, about 1\.60 GB more for an image of 1024 × 1024; 28\.30 GB of files, of which 26\.80 GB run from the disk without a copy; not all files stay in memory, so passes also wait for the disk; 4 blocks per session; the text encoder and the modulations are unloaded after use$/,
  );
  expect(describeMemory({ ...plan, working: 1.6e9, available: 30e9 })).not.toContain("wait for the disk");
});

test("the expected seconds of a pass, and a processor without VNNI", () => {
  const passSeconds = { 512: 30.6, 1024: 4.26 };
  const speed = "31 s at 512 × 512, 4.3 s at 1024 × 1024. A step takes two passes, or one with a guidance of 1";
  expect(describeSpeed({ passSeconds, activationBits: 8 })).toMatch(new RegExp(`${speed}$`));
  expect(describeSpeed({ passSeconds, activationBits: 7 })).toMatch(/no VNNI: activations are rounded to 7 bits/);
});

test("Node before 22.19 is too old", () => {
  expect(checkNode("24.0.0")).toBe("24.0.0");
  for (const old of ["20.20.2", "22.18.0"])
    expect(() => checkNode(old)).toThrow(`${old} is too old; install 22.19 or newer`);
});
