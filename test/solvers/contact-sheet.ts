/**
 * Draws one prompt with every scheduler and lays the pictures out with their names: `npm run sheet:schedulers -- MODEL OUT.webp`.
 * Those that do not add noise on the way should look alike.
 */

import { writeFile } from "node:fs/promises";
import sharp from "sharp";
import { Pipeline, type RgbImage, SCHEDULERS, type Scheduler } from "../../src/engine/index.ts";

const SIDE = 128;
const LABEL = 16;
const COLUMNS = 10;
const JOB = {
  prompt: 'A wooden sign that says "TEA" in white letters on a green background',
  width: SIDE,
  height: SIDE,
  steps: 20,
  seed: 42n,
};

const [model, out] = process.argv.slice(2);
if (!model || !out) throw new Error("usage: npm run sheet:schedulers -- MODEL OUT.webp");

const pipeline = await Pipeline.load(model);
const drawn = new Map<string, RgbImage>();
for (const scheduler of SCHEDULERS) {
  if (drawn.has(pair(scheduler))) continue;
  const [image] = await pipeline.generate({ ...JOB, scheduler: scheduler.name });
  drawn.set(pair(scheduler), image!);
  console.error(`${drawn.size} ${pair(scheduler)}`);
}
await pipeline.dispose();

const tiles = SCHEDULERS.flatMap((scheduler, i) => {
  const { width, height, pixels } = drawn.get(pair(scheduler))!;
  const [left, top] = [(i % COLUMNS) * SIDE, Math.floor(i / COLUMNS) * (SIDE + LABEL)];
  const size = Math.min(10, (1.7 * SIDE) / scheduler.name.length);
  const text = `<svg width="${SIDE}" height="${LABEL}"><text x="2" y="12" font-family="sans-serif" font-size="${size}">${scheduler.name}</text></svg>`;
  return [
    { input: Buffer.from(pixels), raw: { width, height, channels: 3 as const }, left, top },
    { input: Buffer.from(text), left, top: top + SIDE },
  ];
});
const rows = Math.ceil(SCHEDULERS.length / COLUMNS);
const paper = { width: COLUMNS * SIDE, height: rows * (SIDE + LABEL), channels: 3 as const, background: "white" };
await writeFile(out, await sharp({ create: paper }).composite(tiles).webp({ quality: 80 }).toBuffer());

function pair({ solver, spacing }: Scheduler): string {
  return `${solver.title}, ${spacing.title}`;
}
