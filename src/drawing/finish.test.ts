import { describe, expect, test } from "vitest";
import { paintingEngine } from "../../test/support/painting-engine.ts";
import { type ImageInferenceTask, parseTask } from "../protocol/index.ts";
import type { SafetyPolicy } from "../settings/index.ts";
import type { Drawing } from "./drawing.ts";
import { drawFinished } from "./finish.ts";
import type { FinishingNetworks } from "./networks.ts";
import { type Findings, stagesOf } from "./stages.ts";

/** Every picture in the low byte of its seed. */
const lowByte = (seed: bigint) => [Number(seed % 256n), Number(seed % 256n), Number(seed % 256n)] as const;

interface Given {
  readonly unsafe?: number[];
  readonly faces?: number;
  readonly policy?: SafetyPolicy;
  readonly checkAll?: boolean;
}

/** Networks that flag pictures of these seeds and see so many faces in every picture. */
function networks({ unsafe, faces = 0 }: Given = {}) {
  const asked = { checks: 0, looks: [] as number[] };
  const all: Pick<FinishingNetworks, "findFaces" | "classify"> = {
    async findFaces(_, confidence) {
      asked.looks.push(confidence);
      const box = (i: number) => ({ left: 10 + 40 * i, top: 20, width: 16, height: 16 });
      return Array.from({ length: faces }, (_, i) => ({ box: box(i), score: 0.95 }));
    },
    async classify({ pixels }) {
      asked.checks++;
      const Porn = unsafe?.includes(pixels[0]!) ? 1 : 0;
      return { Drawing: 0, Hentai: 0, Neutral: 1 - Porn, Porn, Sexy: 0 };
    },
  };
  return { ...all, asked };
}

const settings = ({ policy = "deliver", checkAll = false }: Given) => ({
  safetyPolicy: policy,
  safetyThreshold: 0.7,
  safetyClasses: ["Porn", "Hentai"] as const,
  safetyAlways: checkAll,
});

function task(more: object): ImageInferenceTask {
  const base = { taskType: "imageInference", taskUUID: "ddf77178-639c-48d8-9827-501a20948cf7", model: "runware:108@1" };
  const parsed = parseTask({ ...base, positivePrompt: "x", width: 128, height: 128, ...more });
  if (!parsed.ok) throw parsed.errors[0];
  return parsed.task as ImageInferenceTask;
}

const drawing: Drawing = { prompt: "x", width: 128, height: 128, steps: 4, seed: 50n, count: 3 };

async function run(wishes: object, given: Given = {}) {
  const painter = paintingEngine(lowByte);
  const looking = networks(given);
  const pictures: { first: number; seed: bigint; index: number; findings: Findings }[] = [];
  const shares: number[][] = [];
  const plan = { drawing, stages: stagesOf(task(wishes), settings(given)) };
  const drawn = drawFinished(painter, looking, plan, {
    onStep: ({ image, step, steps, share }) => void shares.push([image, step, steps, share]),
    onImage: (image, index, findings) =>
      void pictures.push({ first: image.pixels[0]!, seed: image.seed, index, findings }),
  });
  const error = await drawn.then(
    () => undefined,
    (reason) => reason,
  );
  return { error, pictures, shares, painter, ...looking.asked };
}

test("a watermark is applied to every image last, also to the replacement of a withheld one", async () => {
  const watermark = { text: "ink", bgColor: "#FFFFFF", opacity: 1, displayPosition: "top-left" };
  const wishes = { advancedFeatures: { watermark }, safety: { checkContent: true } };
  const stages = stagesOf(task(wishes), settings({ policy: "withhold" }));
  const shown: number[][] = [];
  await drawFinished(
    paintingEngine(lowByte),
    networks({ unsafe: [51] }),
    { drawing, stages },
    {
      onImage: ({ pixels }) => void shown.push([pixels[0]!, pixels[(4 * 128 + 4) * 3]!]),
    },
  );
  expect(shown).toEqual([
    [50, 255],
    [128, 255],
    [52, 255],
  ]);
});

test("an invalid watermark is refused before any image is generated", async () => {
  const { error, painter } = await run({ advancedFeatures: { watermark: { text: "   " } } });
  expect(error).toMatchObject({ parameter: "watermark.text" });
  expect(painter.asked).toEqual([]);
});

describe("safety", () => {
  const asked = { safety: { checkContent: true } };

  test("images are checked only if the task or the setting requests it", async () => {
    const quiet = await run({});
    expect(quiet.pictures.map(({ findings }) => findings)).toEqual([{}, {}, {}]);
    expect([quiet.checks, quiet.painter.asked.length]).toEqual([0, 1]);

    const all = await run({}, { checkAll: true });
    expect(all.checks).toBe(3);
    expect(all.pictures.every(({ findings: f }) => f.safety && f.NSFWContent === undefined)).toBe(true);
  });

  test("mode wins over checkContent", async () => {
    expect((await run({ safety: { checkContent: true, mode: "none" } })).checks).toBe(0);
    expect((await run({ safety: { checkContent: false, mode: "fast" } })).checks).toBe(3);
  });

  test("deliver: the image is returned unchanged and marked", async () => {
    const { pictures } = await run(asked, { unsafe: [51] });
    expect(pictures.map(({ first, findings }) => [first, findings.NSFWContent])).toEqual([
      [50, false],
      [51, true],
      [52, false],
    ]);
  });

  test("withhold: an empty image with the same seed replaces it, marked", async () => {
    const { pictures } = await run(asked, { unsafe: [51], policy: "withhold" });
    expect(pictures.map(({ first, seed, findings }) => [first, seed, findings.NSFWContent])).toEqual([
      [50, 50n, false],
      [128, 51n, true],
      [52, 52n, false],
    ]);
  });

  test("refuse: generation ends at that image, after the images before it", async () => {
    const { error, pictures } = await run(asked, { unsafe: [51], policy: "refuse" });
    expect(error).toMatchObject({ name: "PictureRefused", index: 1 });
    expect(pictures.map(({ first }) => first)).toEqual([50]);
  });
});

describe("faces", () => {
  const wishes = { advancedFeatures: { ultralytics: { confidence: 0.8, steps: 10, strength: 0.2 } } };

  test("the faces of each image are refined before the next image, with seeds from its seed", async () => {
    const { pictures, painter, looks } = await run(wishes, { faces: 2 });
    expect(painter.asked.map(({ seed, strength }) => [seed, strength])).toEqual(
      [50n, 51n, 52n].flatMap((seed) => [
        [seed, undefined],
        [seed, 0.2],
        [seed + 1n, 0.2],
      ]),
    );
    expect(looks).toEqual([0.8, 0.8, 0.8]);
    expect(pictures.map(({ seed, index, findings }) => [seed, index, findings])).toEqual([
      [50n, 0, { faces: 2 }],
      [51n, 1, { faces: 2 }],
      [52n, 2, { faces: 2 }],
    ]);
  });

  test("progress counts the steps of refinement and ends at 1", async () => {
    const { shares } = await run(wishes, { faces: 2 });
    const first = shares.filter(([image]) => image === 0);
    expect(first.map(([, step, steps]) => [step, steps])).toEqual([
      ...[1, 2, 3, 4].map((step) => [step, 4]),
      ...[5, 6, 7, 8].map((step) => [step, 8]),
    ]);
    const falls = first.filter(([, , , share], i) => i > 0 && share! < first[i - 1]![3]!);
    expect(falls).toEqual([]);
    expect(first.at(-1)![3]).toBeCloseTo(1, 12);
  });

  test("without faces the image is unchanged", async () => {
    const { pictures, painter } = await run(wishes);
    expect(pictures.map(({ first, findings }) => [first, findings])).toEqual(
      [50, 51, 52].map((n) => [n, { faces: 0 }]),
    );
    expect(painter.asked.length).toBe(3);
  });

  test("the safety check runs on the refined image", async () => {
    const { pictures } = await run({ ...wishes, checkNSFW: true }, { faces: 1, unsafe: [51], policy: "withhold" });
    expect(pictures[1]).toMatchObject({ first: 128, findings: { faces: 1, NSFWContent: true } });
  });
});
