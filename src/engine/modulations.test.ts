import { expect, test } from "vitest";
import { modulationTable, timeFeatures } from "./modulations.ts";

const { fround } = Math;

test("a noise level is scaled to a timestep and back before its features, as in diffusers", () => {
  const twice = (sigma: number) => fround(fround(sigma * 1000) / 1000);
  const levels = Array.from({ length: 4000 }, (_, i) => fround((i + 1) / 4001));
  const moved = levels.filter((sigma) => twice(sigma) !== sigma && twice(twice(sigma)) === twice(sigma));
  expect(moved.length).toBeGreaterThan(5);
  expect(timeFeatures(moved)).toEqual(timeFeatures(moved.map(twice)));
});

test("the features of a noise level are cosines, then sines, of falling frequencies", () => {
  const { data, dims } = timeFeatures([0.5, 1]);
  expect(dims).toEqual([2, 256]);
  expect(data[0]).toBeCloseTo(Math.cos(500), 4);
  expect(data[128]).toBeCloseTo(Math.sin(500), 4);
  expect(data[256 + 64]).toBeCloseTo(Math.cos(1000 / 10_000 ** 0.5), 4);
});

test("levels known in advance are computed in one run, others once each on demand", async () => {
  const runs: number[][] = [];
  const run = async (sigmas: readonly number[]) => {
    runs.push([...sigmas]);
    return sigmas.map((sigma) => Float32Array.of(sigma));
  };
  const table = await modulationTable(run, [1, 0.5]);
  for (const sigma of [0.5, 1, 0.75, 0.5, 0.75]) expect((await table(sigma))[0]).toBe(sigma);
  expect(runs).toEqual([[1, 0.5], [0.75]]);
  await modulationTable(run, []);
  expect(runs).toHaveLength(2);
});
