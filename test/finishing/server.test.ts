import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { decodeImage, encodeImage, resizeImage } from "../../src/pictures/index.ts";
import { createLog } from "../../src/server/log.ts";
import { createServer, type Server } from "../../src/server/server.ts";
import { readConfig } from "../../src/settings/read.ts";
import { listener, tinyCheckpoint } from "../cli.ts";
import { metricsOf } from "../support/metrics.ts";

vi.setConfig({ testTimeout: 180_000 }); // each starts a server and an engine

let folder: string;
let server: Server | undefined;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "inkstone-finishing-"));
  await mkdir(join(folder, "models", "tiny"), { recursive: true });
  const card = { air: "runware:108@1", name: "Tiny", checkpoint: tinyCheckpoint, maxPixels: 4096 };
  await writeFile(join(folder, "models", "tiny", "card.json"), JSON.stringify(card));
});
afterEach(async () => {
  await server?.stop(0);
  await rm(folder, { recursive: true, force: true });
});

/** A real server on a checkpoint of random weights. */
async function serve(env: Record<string, string> = {}) {
  const written = listener();
  const config = readConfig({}, { INKSTONE_DATA_DIR: folder, INKSTONE_PORT: "0", ...env });
  const log = createLog({ level: "info", prompts: false }, written.stream as never);
  server = await createServer(config, { log });
  const { address } = server;
  return {
    logged: () =>
      written
        .text()
        .split("\n")
        .filter(Boolean)
        .map((line) => JSON.parse(line)),
    metrics: () => metricsOf(address),
    /** With strength 0 the seed picture comes back as it is, so that everything new comes from the stages after drawing. */
    async draw(wishes: object) {
      const task = {
        taskType: "imageInference",
        taskUUID: crypto.randomUUID(),
        model: "runware:108@1",
        positivePrompt: "a portrait",
        width: 256,
        height: 256,
        seed: 9,
        outputFormat: "PNG",
        outputType: "base64Data",
        inputs: { seedImage: (await photo()).toString("base64"), strength: 0 },
        ...wishes,
      };
      const headers = { "content-type": "application/json", authorization: "Bearer any" };
      const response = await fetch(`${address}/v1`, { method: "POST", headers, body: JSON.stringify([task]) });
      const { data = [], errors = [] } = (await response.json()) as { data?: Item[]; errors?: { code: string }[] };
      return { status: response.status, data, errors };
    },
  };
}

interface Item {
  readonly imageBase64Data: string;
  readonly NSFWContent?: boolean;
}

const photo = () => readFile("test/fixtures/photos/astronaut.jpg");
const pixelsOf = async ({ imageBase64Data }: Item) =>
  new Uint8Array((await decodeImage(Buffer.from(imageBase64Data, "base64"))).pixels);
const unsafe = { INKSTONE_SAFETY_CLASSES: "Neutral,Drawing", INKSTONE_SAFETY_THRESHOLD: "0.5" };
const asked = { safety: { checkContent: true } };

test("ultralytics: only the face changes, with the same bytes each time; counted in the metrics", async () => {
  const { draw, metrics, logged } = await serve();
  const wishes = { ultralytics: { steps: 4, strength: 0.5, CFGScale: 1, maskBlur: 4 } };
  const first = await draw(wishes);
  expect([first.status, first.errors]).toEqual([200, []]);
  const before = (await resizeImage(await decodeImage(await photo()), 256, 256, "cover")).pixels;
  const after = await pixelsOf(first.data[0]!);
  const changed = [...after].flatMap((value, i) => (value === before[i] ? [] : [Math.floor(i / 3)]));
  const [columns, rows] = [changed.map((i) => i % 256), changed.map((i) => Math.floor(i / 256))];
  expect(changed.length).toBeGreaterThan(3000);
  for (const [found, expected] of [
    [Math.min(...columns), 90 - 9],
    [Math.max(...columns), 133 + 9],
    [Math.min(...rows), 35 - 9],
    [Math.max(...rows), 87 + 9],
  ] as const) {
    expect(Math.abs(found - expected)).toBeLessThan(6);
  }
  expect(await pixelsOf((await draw(wishes)).data[0]!)).toEqual(after);
  expect(await metrics()).toContain("inkstone_faces_refined_total 2");
  expect(logged().find(({ msg }) => msg === "image finished")).toMatchObject({ index: 0, faces: 1 });
});

test("safety: reported only on request; scores in log and metrics", async () => {
  const { draw, metrics, logged } = await serve({ ...unsafe, INKSTONE_SAFETY_ALWAYS: "true" });
  const marked = await draw({ checkNSFW: true });
  expect(marked.data[0]).toMatchObject({ NSFWContent: true });
  expect(new Set(await pixelsOf(marked.data[0]!)).size).toBeGreaterThan(100);
  expect((await draw({})).data[0]).not.toHaveProperty("NSFWContent");
  const { safety } = logged().find(({ msg }) => msg === "image finished");
  expect(safety).toMatchObject({ flagged: true, scores: { Neutral: expect.any(Number) } });
  const text = await metrics();
  expect(text).toContain('inkstone_safety_checks_total{flagged="true"} 2');
  expect(text).toContain('inkstone_safety_score_count{class="Porn"} 2');
});

test("an image below the threshold passes with any policy", async () => {
  const { draw } = await serve({ INKSTONE_SAFETY_POLICY: "refuse" });
  expect((await draw(asked)).data[0]).toMatchObject({ NSFWContent: false });
});

test("withheld: a grey image of the same size, marked", async () => {
  const { draw } = await serve({ ...unsafe, INKSTONE_SAFETY_POLICY: "withhold" });
  const { data } = await draw(asked);
  expect(data[0]).toMatchObject({ NSFWContent: true });
  expect(await pixelsOf(data[0]!)).toEqual(new Uint8Array(256 * 256 * 3).fill(128));
});

test("refused: the documented error and no image", async () => {
  const { draw } = await serve({ ...unsafe, INKSTONE_SAFETY_POLICY: "refuse" });
  const { status, data, errors } = await draw(asked);
  expect([status, data]).toEqual([400, []]);
  expect(errors).toMatchObject([{ code: "nsfwContentDetected" }]);
});

test("an image without faces stays unchanged, and is still checked", async () => {
  const { draw } = await serve(unsafe);
  const noise = Uint8Array.from({ length: 256 * 256 * 3 }, (_, i) => (i * 7919) % 251);
  const seedImage = Buffer.from(
    await encodeImage({ width: 256, height: 256, pixels: noise }, { format: "PNG" }),
  ).toString("base64");
  const { data } = await draw({ ...asked, ultralytics: {}, inputs: { seedImage, strength: 0 } });
  expect(await pixelsOf(data[0]!)).toEqual(noise);
  expect(data[0]).toHaveProperty("NSFWContent");
});
