import { afterAll, beforeAll, expect, test } from "vitest";
import { Pipeline, SCHEDULERS, type Scheduler } from "../../src/engine/index.ts";

/** Names that share solver and spacing draw the same picture: one of each is drawn. */
const pairs = new Map(SCHEDULERS.map((scheduler) => [pair(scheduler), scheduler.name]));

let pipeline: Pipeline;
beforeAll(async () => {
  pipeline = await Pipeline.load("models/nano");
});
afterAll(() => pipeline.dispose());

test.each([...pairs])("%s generates the bundled checkpoint's green wall", async (_, scheduler) => {
  const prompt = 'A wooden sign that says "TEA" in white letters on a green background';
  const [image] = await pipeline.generate({ prompt, width: 128, height: 128, steps: 20, seed: 42n, scheduler });
  const [red, green, blue] = borderColour(image!.pixels, 128);
  expect(green).toBeGreaterThan(red + 50);
  expect(green).toBeGreaterThan(blue + 50);
});

/** Mean colour of the outermost 12 rows at top and bottom. */
function borderColour(pixels: Uint8Array, side: number): [number, number, number] {
  const sums: [number, number, number] = [0, 0, 0];
  const rows = [...Array(12).keys()].flatMap((y) => [y, side - 1 - y]);
  for (const y of rows) {
    for (let x = 0; x < side; x++) for (const c of [0, 1, 2] as const) sums[c] += pixels[(y * side + x) * 3 + c]!;
  }
  return sums.map((sum) => sum / (rows.length * side)) as [number, number, number];
}

function pair({ solver, spacing }: Scheduler): string {
  return `${solver.title}, ${spacing.title}`;
}
