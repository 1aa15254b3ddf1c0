/**
 * Draws one prompt with every scheduler and lays the pictures out with their names: `npm run sheet:schedulers -- MODEL OUT.webp`.
 * Those that do not add noise on the way should look alike.
 */

import { Pipeline, SCHEDULERS, type Scheduler } from "../../src/engine/index.ts";
import type { RgbImage } from "../../src/pictures/index.ts";
import { writeContactSheet } from "../support/contact-sheet.ts";

const SIDE = 128;
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

const tiles = SCHEDULERS.map((scheduler) => ({
  title: scheduler.name,
  pictures: [drawn.get(pair(scheduler))!],
  fontSize: Math.min(10, (1.7 * SIDE) / scheduler.name.length),
}));
await writeContactSheet(out, tiles, COLUMNS, SIDE);

function pair({ solver, spacing }: Scheduler): string {
  return `${solver.title}, ${spacing.title}`;
}
