/** Solvers and noise levels against diffusers' and k-diffusion's, recorded by `reference/solvers.py`. */

import { describe, expect, test } from "vitest";
import { schedulerConfig } from "../../src/engine/checkpoint/config.ts";
import { SPACINGS } from "../../src/engine/schedulers/sigmas.ts";
import { SOLVERS } from "../../src/engine/schedulers/solvers.ts";
import { relativeError } from "../golden/compare.ts";
import { readTensors } from "../golden/fixture.ts";
import { type PlainVelocity, plainSolver } from "./plain-solver.ts";

const { tensors } = readTensors("solvers/recorded.safetensors");

function recorded(name: string): Float32Array {
  return tensors.get(name)!.data as Float32Array;
}

/** Rows of a recorded tensor. */
function rows(name: string): Float32Array[] {
  const { data, dims } = tensors.get(name)!;
  const width = data.length / dims[0]!;
  return Array.from({ length: dims[0]! }, (_, i) => (data as Float32Array).subarray(i * width, (i + 1) * width));
}

const RUNS = ["noise", "uneven", "picture"];
const solvers = Object.entries(SOLVERS);

describe.each(RUNS)("from %s, step by step on recorded velocities", (run) => {
  const sigmas = [...recorded(`${run}/sigmas`)];
  const [first] = recorded(`${run}/first`);
  const velocities = rows(`${run}/velocities`);
  const noises = rows(`${run}/noises`);

  test.each(solvers)("%s", async (name, { create, stochastic }) => {
    const levels: number[] = [];
    let drawn = 0;
    const solver = plainSolver(create, { sigmas, gaussian: () => noises[drawn++]! });
    const velocity: PlainVelocity = async (_, sigma) => velocities[levels.push(sigma) - 1]!;
    let x = recorded(`${run}/start`);
    for (const [i, expected] of rows(`${run}/${name}/latents`).entries()) {
      x = await solver.step(x, first! + i, velocity);
      expect(relativeError(x, expected), `after step ${i}`).toBeLessThan(1e-5);
    }
    expect(relativeError(levels, recorded(`${run}/${name}/levels`)), "levels asked for").toBeLessThan(1e-6);
    expect(drawn > 0).toBe(stochastic);
  });
});

describe("noise levels", () => {
  const config = schedulerConfig.parse({
    base_image_seq_len: 256,
    base_shift: 0.5,
    max_image_seq_len: 8192,
    max_shift: 0.9,
    shift_terminal: 0.02,
    time_shift_type: "exponential",
    use_dynamic_shifting: true,
  });

  test.each(Object.entries(SPACINGS))("%s", (name, { sigmas }) => {
    for (const steps of [2, 10, 50]) {
      for (const tokens of [256, 4096]) {
        const expected = recorded(`spacing/${name}/${steps}/${tokens}`);
        const actual = sigmas(steps, tokens, config);
        expect(actual).toHaveLength(steps + 1);
        expect(relativeError(actual, expected), `${steps} steps, ${tokens} tokens`).toBeLessThan(5e-7);
      }
    }
  });
});
