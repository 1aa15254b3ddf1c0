import { afterAll, describe, expect, test, vi } from "vitest";
import { type AnyTensor, type Device, EXACT, free, type HostTensor, isOnDevice, transfers } from "../../onnx/index.ts";
import type { Arithmetic } from "./arithmetic.ts";
import { onDevice } from "./on-device.ts";
import { onHost } from "./on-host.ts";

vi.setConfig({ testTimeout: 120_000 });

const [TOKENS, FEATURES] = [5, 8];
const dims = [1, TOKENS, FEATURES];
const tensor = (phase: number, tokens = TOKENS): HostTensor => ({
  data: Float32Array.from({ length: tokens * FEATURES }, (_, i) => Math.sin(phase + 1.3 * i)),
  dims: [1, tokens, FEATURES],
});
const [a, b, c] = [tensor(1), tensor(2), tensor(3)];
const partlyB: HostTensor = { data: a.data.map((x, i) => (i % 3 ? x : b.data[i]!)), dims };
const mask: HostTensor = { data: a.data.map((_, i) => i % 2), dims };
const [scale, shift] = [a.data.slice(0, FEATURES), b.data.slice(0, FEATURES)];

const TENSORS: Record<string, (arithmetic: Arithmetic) => Promise<AnyTensor>> = {
  "a sum of three": ({ weightedSum }) =>
    weightedSum([
      [0.5, a],
      [-2, b],
      [1.5, c],
    ]),
  "a sum of one": ({ roundedSum }) => roundedSum([[0.25, a]]),
  "a choice by a mask": ({ choose }) => choose(mask, a, b),
  "a replacement of what is unchanged": ({ replaceUnchanged }) => replaceUnchanged(partlyB, a, c),
  "tokens appended": ({ append }) => append(a, tensor(4, 2)),
  "the first tokens": ({ first }) => first(a, 3),
  guidance: ({ guide }) => guide(a, b, 4),
  "a norm with scale and shift": ({ modulatedNorm }) => modulatedNorm(a, scale, shift, 4),
};

const driver = process.env.INKSTONE_TEST_WEBGPU;
if (driver !== undefined) process.env.VK_DRIVER_FILES = driver;

/** The graphs are the same on the processor: there they are tested even where no GPU is. */
describe.each(["cpu", "webgpu"] as const)("graphs on %s compute what the loops on the host compute", (provider) => {
  const skipped = provider === "webgpu" && driver === undefined;
  const device: Device = { ...EXACT, provider };
  const moved = transfers(device);
  const graphs = onDevice(device, moved);
  afterAll(async () => {
    await graphs.dispose();
    await moved.dispose();
  });

  test.skipIf(skipped).each(Object.entries(TENSORS))("%s", async (_, compute) => {
    const [wanted, got] = [(await compute(onHost)) as HostTensor, await compute(graphs)];
    expect(isOnDevice(got)).toBe(provider !== "cpu");
    const { data, dims } = await graphs.toHost(got);
    free(got);
    expect(dims).toEqual(wanted.dims);
    for (const [i, value] of wanted.data.entries()) expect(data[i]).toBeCloseTo(value, 5);
  });

  test.skipIf(skipped)("relative change of one tensor from another", async () => {
    expect(await graphs.relativeChange(a, b)).toBeCloseTo(await onHost.relativeChange(a, b), 5);
  });

  test.skipIf(skipped).each([
    [1, true],
    [Number.NaN, false],
    [Number.POSITIVE_INFINITY, false],
    [Number.NEGATIVE_INFINITY, false],
    [-1e30, true],
  ])("with %d among the values, finite is %s", async (value, finite) => {
    const x = { data: Float32Array.from(a.data), dims };
    x.data[17] = value;
    expect([await graphs.allFinite(x), await onHost.allFinite(x)]).toEqual([finite, finite]);
  });
});
