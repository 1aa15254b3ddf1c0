import { copyFile, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { faceMask } from "../../src/drawing/faces/refine.ts";
import { decodeImage, encodeImage, type RgbImage, readMetadata, resizeImage } from "../../src/pictures/index.ts";
import { inkstone, tinyCheckpoint } from "../cli.ts";
import { black, redSquares } from "../support/red-squares.ts";

vi.setConfig({ testTimeout: 180_000 }); // each loads a checkpoint and a network, some several times

let cwd: string;
beforeEach(async () => {
  cwd = await mkdtemp(join(tmpdir(), "inkstone-faces-"));
  await copyFile("test/fixtures/photos/astronaut.jpg", join(cwd, "photo.jpg"));
  await copyFile("test/fixtures/drawings/sign-tea.jpg", join(cwd, "sign.jpg"));
});
afterEach(() => rm(cwd, { recursive: true }));

const open = async (name: string): Promise<RgbImage> => decodeImage(await readFile(join(cwd, name)));

/** With strength 0 the seed picture comes back as it is, so that everything new comes from refinement. */
const generate = (image: string, out: string, flags: string[], env: NodeJS.ProcessEnv = {}) => {
  const size = image === "sign.jpg" ? ["--width", "512", "--height", "384"] : ["--width", "256", "--height", "256"];
  const start = ["--model", tinyCheckpoint, "--seed-image", image, "--strength", "0", ...size, "--seed", "3"];
  return inkstone(["generate", "a portrait", ...start, "--out", out, ...flags, "--json"], { cwd, env });
};

describe("inkstone generate --faces", () => {
  const quick = ["--faces", "--face-steps", "10", "--face-cfg", "1"];

  test("the face is refined, every other pixel stays, and the same command gives the same bytes", async () => {
    const { code, err, out } = await generate("photo.jpg", "a.png", quick);
    expect(err).toContain("step 3/3");
    expect(err).toContain("1 face refined");
    expect([code, JSON.parse(out).images[0].faces]).toEqual([0, 1]);

    const before = await resizeImage(await open("photo.jpg"), 256, 256, "cover");
    const after = await open("a.png");
    // The face lies at 90…134, 37…89 at this size; a box a little larger than what the detector may say, with its padding and blur.
    const reach = faceMask({ left: 86, top: 30, width: 52, height: 64 }, { maskPadding: 5, maskBlur: 5 }, before)!;
    let inside = 0;
    let outside = 0;
    before.pixels.forEach((value, i) => {
      if (value !== after.pixels[i]) reach.pixels[Math.floor(i / 3)]! > 0 ? inside++ : outside++;
    });
    expect(outside).toBe(0);
    expect(inside).toBeGreaterThan(3 * 40 * 40 * 0.8);

    await generate("photo.jpg", "b.png", quick);
    expect(Buffer.compare(await readFile(join(cwd, "a.png")), await readFile(join(cwd, "b.png")))).toBe(0);
    expect((await readMetadata(await readFile(join(cwd, "a.png"))))?.parameters).toMatchObject({
      advancedFeatures: { ultralytics: { steps: 10, confidence: 0.9 } },
    });
  });

  test("a sign has no face: nothing changes", async () => {
    const { err } = await generate("sign.jpg", "a.png", ["--face-confidence", "0.5"]);
    expect(err).toContain("0 faces refined");
    expect((await open("a.png")).pixels).toEqual((await open("sign.jpg")).pixels);
  });

  test("flags override a file of parameters, key by key", async () => {
    const ultralytics = { steps: 40, maskBlur: 9, confidence: 0.99 };
    await writeFile(join(cwd, "task.json"), JSON.stringify({ advancedFeatures: { ultralytics } }));
    const { out } = await generate("photo.jpg", "a.png", [
      "--params",
      "task.json",
      "--face-steps",
      "8",
      "--face-cfg",
      "1",
    ]);
    expect(JSON.parse(out).parameters.advancedFeatures.ultralytics).toMatchObject({ ...ultralytics, steps: 8 });
  });

  test("a YOLO network from the operator finds the faces instead", async () => {
    await writeFile(join(cwd, "yolo.onnx"), redSquares());
    const picture = black(256, 256, [{ left: 96, top: 64, side: 32 }]);
    await writeFile(join(cwd, "red.png"), await encodeImage(picture, { format: "PNG" }));
    const env = { INKSTONE_FACE_MODEL: join(cwd, "yolo.onnx") };
    const { err } = await generate("red.png", "a.png", [...quick, "--face-padding", "0", "--face-blur", "0"], env);
    expect(err).toContain("1 face refined");
    const after = await open("a.png");
    const changed = [...after.pixels].flatMap((v, i) => (v === picture.pixels[i] ? [] : [Math.floor(i / 3)]));
    const [columns, rows] = [changed.map((i) => i % 256), changed.map((i) => Math.floor(i / 256))];
    expect([Math.min(...columns), Math.max(...columns)]).toEqual([96, 127]);
    expect([Math.min(...rows), Math.max(...rows)]).toEqual([64, 95]);
  });

  test("values out of range are refused with the flag's name; so is a missing face network", async () => {
    const wrong = await generate("photo.jpg", "a.png", ["--face-blur", "101"]);
    expect([wrong.code, wrong.err]).toEqual([2, expect.stringMatching(/--face-blur: .*between 0 and 100/)]);
    const missing = await generate("photo.jpg", "a.png", ["--faces"], { INKSTONE_FACE_MODEL: "none.onnx" });
    expect([missing.code, missing.err]).toEqual([1, expect.stringContaining('INKSTONE_FACE_MODEL is "none.onnx"')]);
  });
});

describe("inkstone generate --safety", () => {
  const strict = { INKSTONE_SAFETY_CLASSES: "Neutral,Drawing", INKSTONE_SAFETY_THRESHOLD: "0.5" };

  test("reports its finding only on request", async () => {
    const asked = JSON.parse((await generate("photo.jpg", "a.png", ["--safety"])).out);
    expect(asked.images[0].NSFWContent).toBe(false);
    const not = JSON.parse((await generate("photo.jpg", "b.png", [], strict)).out);
    expect(not.images[0]).not.toHaveProperty("NSFWContent");
  });

  test("a flagged image is delivered, withheld or refused as configured", async () => {
    const delivered = await generate("photo.jpg", "a.png", ["--safety"], strict);
    expect(delivered.err).toContain("flagged as unsafe\n");
    expect(JSON.parse(delivered.out).images[0].NSFWContent).toBe(true);
    expect(new Set((await open("a.png")).pixels).size).toBeGreaterThan(100);

    const withheld = await generate("photo.jpg", "b.png", ["--safety"], {
      ...strict,
      INKSTONE_SAFETY_POLICY: "withhold",
    });
    expect(withheld.err).toContain("a grey image is written instead");
    expect(new Set((await open("b.png")).pixels)).toEqual(new Set([128]));

    const refused = await generate("photo.jpg", "c.png", ["--safety"], { ...strict, INKSTONE_SAFETY_POLICY: "refuse" });
    expect([refused.code, refused.err]).toEqual([1, expect.stringContaining("safety check of this server refused")]);
    await expect(open("c.png")).rejects.toThrow("ENOENT");
  });

  test("all images are checked if the operator requires it", async () => {
    const always = { ...strict, INKSTONE_SAFETY_ALWAYS: "true", INKSTONE_SAFETY_POLICY: "refuse" };
    expect((await generate("photo.jpg", "a.png", [], always)).code).toBe(1);
    const wrong = await generate("photo.jpg", "a.png", ["--safety"], { INKSTONE_SAFETY_THRESHOLD: "2" });
    expect([wrong.code, wrong.err]).toEqual([2, expect.stringContaining("INKSTONE_SAFETY_THRESHOLD")]);
  });
});
