import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { inkstone, tinyCheckpoint } from "../../test/cli.ts";
import { decodeImage, encodeImage, readMetadata } from "../pictures/index.ts";
import { Stopped } from "./exit.ts";

let cwd: string;
beforeEach(async () => {
  cwd = await mkdtemp(join(tmpdir(), "inkstone-cli-"));
});
afterEach(() => rm(cwd, { recursive: true }));

const small = ["--model", tinyCheckpoint, "--width", "128", "--height", "128", "--steps", "2"];
const generate = (...args: string[]) => inkstone(["generate", ...args], { cwd });
const file = (name: string) => readFile(join(cwd, name));

describe("editing", () => {
  const editing = (name: string) => fileURLToPath(new URL(`../../test/fixtures/${name}/checkpoint`, import.meta.url));

  test("references are files, and the last one sets the size", async () => {
    for (const [name, width, height] of [
      ["a.png", 60, 30],
      ["b.jpg", 31, 60],
    ] as const) {
      const pixels = new Uint8Array(width * height * 3).fill(100);
      const format = name.endsWith("png") ? "PNG" : "JPG";
      await writeFile(join(cwd, name), await encodeImage({ width, height, pixels }, { format }));
    }
    const card = { air: "a:edit@1", name: "edit", checkpoint: editing("edit-plus"), maxPixels: 4096 };
    await writeFile(join(cwd, "card.json"), JSON.stringify(card));
    const references = ["--reference", "a.png", "--reference", "b.jpg"];
    const given = ["make it night", "--model", `${cwd}/`, ...references, "--steps", "1", "--out", "edited.png"];
    const { code, err } = await generate(...given);
    expect([code, err]).toEqual([0, expect.stringMatching(/1 image in/)]);
    expect(await decodeImage(await file("edited.png"))).toMatchObject({ width: 32, height: 96 });
    const { parameters } = (await readMetadata(await file("edited.png")))!;
    expect(parameters).toMatchObject({
      inputs: { referenceImages: [expect.stringMatching(/^sha256:/), expect.stringMatching(/^sha256:/)] },
    });
  });

  test.each([
    [[], /inputs.referenceImages.*edits images and needs at least one/],
    [["--reference", "none.png"], /--reference: none.png cannot be read/],
  ])("%j is refused", async (flags, message) => {
    const { code, err } = await generate(
      "x",
      "--model",
      editing("edit"),
      "--width",
      "128",
      "--height",
      "128",
      ...flags,
    );
    expect([code, err]).toEqual([2, expect.stringMatching(message)]);
  });
});

describe("generating", () => {
  test("prints only the path on stdout, and the file contains its parameters", async () => {
    const { code, out, err } = await generate("春桥 “Tea” & co", ...small, "--seed", "18446744073709551615");
    expect(err).toMatch(/loaded in .* s\n(step 1.*\n)?step 2\/2, 0\.0 s left, .* it\/s\n1 image in /);
    expect([code, out]).toEqual([0, "春桥-tea-co-18446744073709551615.png\n"]);
    const bytes = await file(out.trim());
    expect(await decodeImage(bytes)).toMatchObject({ width: 128, height: 128, format: "PNG" });
    expect((await readMetadata(bytes))?.parameters).toMatchObject({
      positivePrompt: "春桥 “Tea” & co",
      seed: 18446744073709551615n,
      steps: 2,
      width: 128,
    });
  });

  test("the parameters in an image reproduce it, byte for byte", async () => {
    await generate("a sign", ...small, "--seed", "5", "--cfg", "2.5", "--negative", "blur", "--out", "first.png");
    const { out } = await inkstone(["inspect", "--json", "first.png"], { cwd });
    const [{ parameters }] = JSON.parse(out);
    await writeFile(join(cwd, "task.json"), JSON.stringify({ ...parameters, model: undefined }));
    const again = await generate("--params", "task.json", "--model", tinyCheckpoint, "--out", "second.png");
    expect(again.code).toBe(0);
    expect(Buffer.compare(await file("first.png"), await file("second.png"))).toBe(0);
  });

  test("several images are numbered, their seeds are consecutive, and each equals a single one", async () => {
    const { out } = await generate("x", ...small, "--seed", "7", "--number", "2", "--out", "a.webp", "--json");
    const { images } = JSON.parse(out);
    expect(images).toMatchObject([
      { path: join(cwd, "a-1.webp"), seed: 7, outputFormat: "WEBP", width: 128 },
      { path: join(cwd, "a-2.webp"), seed: 8 },
    ]);
    await generate("x", ...small, "--seed", "8", "--out", "alone.webp");
    expect(Buffer.compare(await file("alone.webp"), await file("a-2.webp"))).toBe(0);
  });

  test("names made from the prompt never overwrite files; missing folders are created", async () => {
    for (let i = 0; i < 2; i++) await generate("one two", ...small, "--seed", "1", "--out", "new/", "--format", "jpeg");
    expect((await readdir(join(cwd, "new"))).sort()).toEqual(["one-two-1-2.jpg", "one-two-1.jpg"]);
  });

  test("an existing file is kept, unless the command allows replacing it", async () => {
    await writeFile(join(cwd, "mine.png"), "mine");
    await writeFile(join(cwd, "many-2.png"), "mine");
    const refused = await generate("x", ...small, "--out", "mine.png");
    expect(refused).toMatchObject({
      code: 2,
      err: "--out: mine.png already exists; --overwrite replaces it, another name keeps it",
    });
    expect((await generate("x", ...small, "--out", "many.png", "--number", "2")).err).toContain(
      "many-2.png already exists",
    );
    expect(String(await file("mine.png"))).toBe("mine");
    expect((await generate("x", ...small, "--out", "mine.png", "--overwrite")).code).toBe(0);
    expect(await decodeImage(await file("mine.png"))).toMatchObject({ width: 128 });
  });

  test("starts from an image: at strength 0 the image stays unchanged", async () => {
    await generate("x", ...small, "--seed", "1", "--out", "start.png");
    await generate("y", ...small, "--seed-image", "start.png", "--strength", "0", "--out", "same.png");
    const [start, same] = await Promise.all(
      [file("start.png"), file("same.png")].map(async (f) => decodeImage(await f)),
    );
    expect(Buffer.compare(start!.pixels, same!.pixels)).toBe(0);
  });

  test("a step cache is used, and recorded in the file", async () => {
    const { out, code } = await generate(
      "x",
      ...small,
      ...["--steps", "12", "--cache", "tea", "--cache-threshold", "1", "--json"],
    );
    expect(code).toBe(0);
    const { images, parameters } = JSON.parse(out);
    expect(parameters.acceleratorOptions).toMatchObject({ teaCache: true, teaCacheDistance: 1 });
    const [{ path, skippedSteps }] = images;
    expect(skippedSteps).toBeGreaterThan(0);
    expect((await readMetadata(await readFile(path)))?.skippedSteps).toBe(skippedSteps);
    const told = await inkstone(["inspect", path], { cwd });
    expect(told.out).toMatch(new RegExp(`skippedSteps +${skippedSteps}\n`));
    const plain = JSON.parse((await generate("x", ...small, "--json")).out).images[0];
    expect(plain).not.toHaveProperty("skippedSteps");
    expect((await readMetadata(await readFile(plain.path)))?.skippedSteps).toBeUndefined();
  });

  test("a LoRA distilled to few steps sets steps and guidance, unless the command sets them", async () => {
    const models = join(cwd, "models");
    await mkdir(join(models, "me+fast@1"), { recursive: true });
    const path = resolve("test/fixtures/lora/files/peft.safetensors");
    const card = { kind: "lora", air: "me:fast@1", name: "Fast", path, defaults: { steps: 2, CFGScale: 1 } };
    await writeFile(join(models, "me+fast@1", "card.json"), JSON.stringify(card));
    const draw = async (...more: string[]) => {
      const size = ["--model", tinyCheckpoint, "--width", "128", "--height", "128", "--seed", "1", "--json"];
      const { out } = await inkstone(["generate", "x", ...size, ...more], {
        cwd,
        env: { INKSTONE_MODELS_DIR: models },
      });
      const { steps, CFGScale } = JSON.parse(out).parameters;
      return [steps, CFGScale];
    };
    expect(await draw("--lora", "me:fast@1")).toEqual([2, 1]);
    expect(await draw("--lora", "me:fast@1", "--steps", "3", "--cfg", "4")).toEqual([3, 4]);
  });

  test("above the model's pixel budget it prints a note and returns the requested size", async () => {
    const card = { air: "me:small@1", name: "Small", maxPixels: 16384, checkpoint: tinyCheckpoint };
    await writeFile(
      join(cwd, "card.json"),
      JSON.stringify({ ...card, defaults: { width: 256, height: 128, steps: 2 } }),
    );
    const { code, err } = await generate("x", "--model", cwd, "--out", "big.png");
    expect(code).toBe(0);
    expect(err).toContain(
      "256×128 is above this model's 16384 pixels: generated at 160×80, then enlarged to 256×128 (Lanczos)",
    );
    expect(await decodeImage(await file("big.png"))).toMatchObject({ width: 256, height: 128 });
  });

  test("stopping keeps finished images and leaves no partial ones", async () => {
    const stop = new AbortController();
    const { code, out, err } = await inkstone(["generate", "x", ...small, "--number", "20", "--out", "s.png"], {
      cwd,
      signal: stop.signal,
      onStderr: (text) => text.includes("image 2/20, step 2/2") && stop.abort(new Stopped("SIGINT")),
    });
    expect(code).toBe(130);
    expect(err).toContain(`stopped: ${out.split("\n").length - 1} of 20 images finished`);
    expect((await readdir(cwd)).sort()).toEqual(out.trim().split("\n").sort());
  });
});

describe("a task file", () => {
  const task = (value: object) => writeFile(join(cwd, "task.json"), JSON.stringify(value));

  test("can be a whole request of the API; flags win", async () => {
    const request = { taskType: "imageInference", model: "runware:108@1", positivePrompt: "p", outputFormat: "webp" };
    await task([{ ...request, steps: 40, width: 1024, height: 1024, CFGScale: 7.5, includeCost: true, seed: 3 }]);
    const { code, out } = await generate("--params", "task.json", ...small, "--json");
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({
      images: [{ path: join(cwd, "p-3.webp"), cost: 0 }],
      parameters: { positivePrompt: "p", steps: 2, CFGScale: 7.5, width: 128, outputFormat: "WEBP" },
    });
  });

  test.each([
    [
      { webhookURL: "https://example.org/x" },
      'webhookURL is "https://example.org/x"; it sets the delivery of a server',
    ],
    [{ deliveryMethod: "async" }, 'deliveryMethod is "async"; .*: leave it out, or use "sync"'],
    [{ taskType: "ping" }, 'taskType is "ping"; allowed is "imageInference"'],
    [{ frobnicate: 1 }, "Unsupported use of 'frobnicate' parameter.*[^?]$"],
    [{ stepz: 9 }, "Unsupported use of 'stepz' parameter.* Did you mean 'steps'"],
    [{ inputs: { seedImg: "x" } }, "Unsupported use of 'inputs.seedImg' parameter.* Did you mean 'inputs.seedImage'"],
    [{ negative_prompt: "x" }, "Unsupported use of 'negative_prompt' parameter.* Did you mean 'negativePrompt'"],
    [{ width: 100 }, "Width must be an integer value between 128 and 2048, in multiples of '8'. Received: 100"],
    [{ seed: 1.5 }, "seed is 1.5; allowed is a whole number from 0 to 18446744073709551615"],
    [{ model: 7 }, "model is 7; allowed is text"],
  ])("refuses %j", async (value, message) => {
    await task({ positivePrompt: "p", ...value });
    const { code, out, err } = await generate("--params", "task.json");
    expect([code, out]).toEqual([2, ""]);
    expect(err).toMatch(new RegExp(message));
  });

  test("can come from standard input", async () => {
    const stdin = JSON.stringify({ positivePrompt: "p", seed: 4 });
    const { code, out } = await inkstone(["generate", "--params", "-", ...small], { cwd, stdin });
    expect([code, out]).toEqual([0, "p-4.png\n"]);
    const broken = await inkstone(["generate", "--params", "-"], { cwd, stdin: "{" });
    expect([broken.code, broken.err]).toEqual([2, expect.stringMatching(/--params: standard input is not JSON/)]);
  });

  test.each([
    ["nothing", /cannot be read/],
    ["{", /is not JSON/],
    ["[]", /must contain one task object/],
  ])("%s: refused by name", async (text, message) => {
    if (text !== "nothing") await writeFile(join(cwd, "task.json"), text);
    const { code, err } = await generate("--params", "task.json");
    expect(code).toBe(2);
    expect(err).toMatch(message);
  });
});

describe("usage errors: exit code 2, flag, value and allowed values", () => {
  test.each([
    [[], /the prompt is missing/],
    [
      ["a", "red", "sign"],
      /Expected 1 argument but got 3.\nPut quotes around the prompt: inkstone generate 'A red sign/,
    ],
    [["a", "--setps", "3"], /unknown option '--setps'\n\(Did you mean --steps\?\)/],
    [["a", "--lora", "me:none@1"], /lora is "me:none@1"; known:/],
    [["a", "--out", "/dev/null/x.png"], /--out: \/dev\/null cannot be written \(a file of that name already exists\)/],
    [["a", "--frobnicate"], /unknown option '--frobnicate'/],
    [["a", "--steps", "0"], /--steps: .* between 1 and 100. Received: 0\./],
    [["a", "--steps", "many"], /--steps: .* Received: "many"/],
    [["a", "--width", "99"], /--width: .* Received: 99\./],
    [["a", "--cfg", "21"], /--cfg: .* between 1 and 20/],
    [["a", "--number", "21"], /--number: .* between 1 and 20/],
    [["a", "--seed", "-1"], /--seed: seed is -1; allowed is a whole number from 0 to 18446744073709551615/],
    [["a", "--seed", "18446744073709551616"], /--seed/],
    [["a", "--scheduler", "Nonsense"], /--scheduler: .*Supported values are: 'DDIM'/],
    [["a", "--scheduler", "Eular"], /--scheduler: .* Did you mean 'Euler'\?/],
    [["a", "--quality", "100"], /--quality: .* between 20 and 99/],
    [["a", "--format", "gif"], /--format: .*'JPG', 'PNG', 'WEBP'.*"gif"/],
    [["a", "--out", "a.gif"], /--out is "a.gif"; a file name must end in .jpg, .png, .webp/],
    [["a", "--out", "a.png", "--format", "jpg"], /--out is "a.png", which is PNG, but the format is JPG/],
    [["a", "--threads", "-1"], /--threads is "-1"; it must be an integer value between 0 and 1024/],
    [["a", "--model", "nowhere"], /model is "nowhere"/],
    [["a", "--model", "a:b@1"], /model is "a:b@1"; known models: inkstone:nano@1, runware:108@1/],
    [["a", "--outpaint", "1,2"], /--outpaint is "1,2"; allowed is TOP,RIGHT,BOTTOM,LEFT/],
    [["a", "--seed-image", "none.png"], /--seed-image: none.png cannot be read/],
    [["a", "--lora", "nonsense"], /--lora: .*valid AIR identifier/],
    [["a", "--lora", "a:b@1=9"], /--lora: .* between -4 and 4/],
    [["a", "--control", "a:b@1"], /--control is given 1 times and --guide 0 times; give one --guide for each/],
    [["a", "--control-mode", "prompt"], /--control-mode requires --control/],
    [["a", "--cache", "tee"], /--cache is "tee"; allowed are tea, fb and db/],
    [["a", "--cache", "tea", "--cache-threshold", "2"], /--cache-threshold: .* between 0 and 1/],
    [["a", "--cache-end", "50"], /--cache-end requires --cache/],
    [["a", "--cache", "tea", "--cache-skip", "2"], /--cache-skip requires --cache db/],
  ])("%j", async (args, message) => {
    const { code, out, err } = await generate(...args);
    expect(err).toMatch(message);
    expect([code, out]).toEqual([2, ""]);
    expect(await readdir(cwd)).toEqual([]);
  });
});
