import { readFile } from "node:fs/promises";
import * as tf from "@tensorflow/tfjs";
import "@tensorflow/tfjs-backend-wasm";
import { load } from "nsfwjs/core";
import { MobileNetV2MidModel } from "nsfwjs/models/mobilenet_v2_mid";
import { afterEach, expect, test } from "vitest";
import { createSafetyChecker, type SafetyChecker } from "../../src/drawing/safety/index.ts";
import { decodeImage } from "../../src/pictures/index.ts";

const pictures = ["photos/astronaut.jpg", "drawings/sign-tea.jpg", "drawings/landscape-sea.jpg"];
const open = async (name: string) => decodeImage(await readFile(`test/fixtures/${name}`));

let checker: SafetyChecker;
afterEach(() => checker.stop());

test("scores equal those of the library used directly, bit for bit", async () => {
  await tf.setBackend("wasm");
  const model = await load("MobileNetV2Mid", { modelDefinitions: [MobileNetV2MidModel] });
  checker = createSafetyChecker();
  for (const name of pictures) {
    const { width, height, pixels } = await open(name);
    const tensor = tf.tensor3d(pixels, [height, width, 3], "int32");
    const direct = await model.classify(tensor);
    tensor.dispose();
    const { scores } = await checker.check({ width, height, pixels });
    expect(scores).toEqual(Object.fromEntries(direct.map((c) => [c.className, c.probability])));
    expect(Object.values(scores).reduce((a, b) => a + b)).toBeCloseTo(1, 5);
  }
});

test("everyday pictures pass by default; with another rule the same picture is flagged", async () => {
  checker = createSafetyChecker();
  const picture = await open("photos/astronaut.jpg");
  const { scores, flagged } = await checker.check(picture);
  expect(flagged).toBe(false);
  expect(scores.Neutral).toBeGreaterThan(0.8);
  await checker.stop();

  checker = createSafetyChecker({ classes: ["Neutral"], threshold: 0.5 });
  expect((await checker.check(picture)).flagged).toBe(true);
  await checker.stop();

  checker = createSafetyChecker({ threshold: 0 });
  expect((await checker.check(picture)).flagged).toBe(true);
});

test("the classifier is loaded by the first check and unloaded when idle", async () => {
  checker = createSafetyChecker({ idleMs: 100 });
  expect(checker.pid).toBeUndefined();
  await checker.check(await open("drawings/sign-open.jpg"));
  expect(checker.pid).toBeGreaterThan(0);
  await expect.poll(() => checker.pid).toBeUndefined();
});

test("the caller stays responsive while it loads and computes", async () => {
  checker = createSafetyChecker();
  let ticks = 0;
  const ticking = setInterval(() => ticks++, 5);
  await checker.check({ width: 1024, height: 1024, pixels: new Uint8Array(3 * 1024 * 1024) });
  clearInterval(ticking);
  expect(ticks).toBeGreaterThan(20); // on this thread: a handful, between loading and computing
});
