import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { relativeError } from "../../test/support/relative-error.ts";
import { type StoredTensor, writeSafetensors } from "../../test/support/safetensors.ts";
import { openWeights, type StoredForm } from "../weights/index.ts";
import { storedFormsMetadata } from "../weights/stored-form.ts";
import { type Device, EXACT } from "./device.ts";
import { Graph } from "./graph.ts";
import { activationBits } from "./integer-probe.ts";
import { linear } from "./linear.ts";
import { type Quantiser, quantiser } from "./quantiser.ts";
import { createSession } from "./session.ts";

const [TOKENS, FROM, TO] = [5, 256, 64];

let folder: string;
let rounding: Quantiser;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "inkstone-linear-"));
  rounding = quantiser({ threads: 1 });
});
afterAll(async () => {
  await rounding.release();
  await rm(folder, { recursive: true });
});

/** Bell-shaped numbers, the same in every run. */
function noise(length: number, seed: number): Float32Array {
  let state = seed;
  const next = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state + 1) / 2 ** 32;
  };
  return Float32Array.from({ length }, () => Math.sqrt(-2 * Math.log(next())) * Math.cos(2 * Math.PI * next()));
}

const matrix = noise(TO * FROM, 1);
const bias = noise(TO, 2);
const plain = noise(TOKENS * FROM, 3);
/** One channel sixty times as large as the others: what rotating is for. */
const withOutlier = plain.map((value, i) => (i % FROM === 17 ? 60 * value : value));

function exact(x: Float32Array): Float32Array {
  return Float32Array.from({ length: TOKENS * TO }, (_, i) => {
    const [token, out] = [Math.floor(i / TO), i % TO];
    let sum = bias[out]!;
    for (let k = 0; k < FROM; k++) sum += x[token * FROM + k]! * matrix[out * FROM + k]!;
    return sum;
  });
}

async function stored(form: StoredForm): Promise<Record<string, StoredTensor>> {
  if (form.form === "int8") {
    const { codes, scales } = await rounding.int8(matrix.slice(), TO, form.rotation);
    return {
      "a.weight": { data: codes, dims: [FROM, TO] },
      "a.weight_scale": { data: scales, dims: [TO] },
    };
  }
  const { bits, block } = form;
  const { codes, scales } = await rounding.blocks(matrix.slice(), TO, bits as 4 | 8, block);
  return {
    "a.weight": { data: codes, dims: [TO, FROM / block, (block * bits) / 8] },
    "a.weight_scale": { data: scales, dims: [TO, FROM / block] },
  };
}

async function product(
  x: Float32Array,
  tensors: Record<string, StoredTensor>,
  form: StoredForm,
  options: Options = {},
) {
  const all = new Map(Object.entries({ ...tensors, "a.bias": { data: bias, dims: [TO] } }));
  await writeFile(
    join(folder, "model.safetensors"),
    writeSafetensors(all, storedFormsMetadata(new Map([["a.weight", form]]))),
  );
  const fed = { replaced: new Set<string>(), lowRank: new Set(options.lowRank ? ["a"] : []) };
  const g = new Graph("linear", await openWeights(folder, "model"), fed, options.device ?? EXACT);
  g.output("y", linear(g, g.input("x", ["n", FROM]), "a", FROM, TO), ["n", TO]);
  const session = await createSession(g.build(), { threads: 1, prepack: options.prepack });
  const { y } = await session.run({ x: { data: x, dims: [TOKENS, FROM] }, ...options.lowRank });
  await session.release();
  return y!.data;
}
interface Options {
  readonly device?: Device;
  readonly prepack?: boolean;
  readonly lowRank?: Record<string, { data: Float32Array; dims: number[] }>;
}

const int8 = { form: "int8", rotation: 64 } as const;

describe("products with every stored form", () => {
  test.each([
    ["int8", int8, 1.4e-2],
    ["int8 in groups of 256", { form: "int8", rotation: 256 }, 1.4e-2],
    ["8 bits in blocks of 128", { form: "blocks", bits: 8, block: 128 }, 1.4e-2],
    ["4 bits in blocks of 32", { form: "blocks", bits: 4, block: 32 }, 0.1],
  ] as const)("%s", async (_, form, bound) => {
    expect(relativeError(await product(plain, await stored(form), form), exact(plain))).toBeLessThan(bound);
  });

  test("an outlier channel costs nothing in int8 with rotation, and a lot without it", async () => {
    const without = { form: "int8", rotation: 1 } as const;
    const wanted = exact(withOutlier);
    expect(relativeError(await product(withOutlier, await stored(int8), int8), wanted)).toBeLessThan(1.6e-2);
    expect(relativeError(await product(plain, await stored(without), without), exact(plain))).toBeLessThan(1.6e-2);
    // The outlier's own product hides the loss of the others: compare what the others come to.
    const others = (x: Float32Array) => x.map((value, i) => (i % FROM === 17 ? 0 : value));
    const loss = async (form: StoredForm) =>
      relativeError(await product(withOutlier, await stored(form), form), wanted) *
      (rms(wanted) / rms(exact(others(withOutlier))));
    expect(await loss(without)).toBeGreaterThan(2 * (await loss(int8)));
  });

  test("int8 gives the same from the mapped file as in the processor's layout", async () => {
    const tensors = await stored(int8);
    const mapped = await product(plain, tensors, int8, { prepack: false });
    expect(relativeError(mapped, await product(plain, tensors, int8))).toBeLessThan(1e-6);
  });

  test("7-bit activations, for processors that add in 16 bits, lose little accuracy", async () => {
    const narrow = await product(plain, await stored(int8), int8, { device: { ...EXACT, activationBits: 7 } });
    expect(relativeError(narrow, exact(plain))).toBeLessThan(2.2e-2);
  });

  test("minima of blocks are subtracted", async () => {
    const form = { form: "blocks", bits: 4, block: 32 } as const;
    const tensors = await stored(form);
    const minima = noise(TO * (FROM / 32), 4);
    const withMinima = { ...tensors, "a.weight_minimum": { data: minima, dims: [TO, FROM / 32] } };
    const [before, after] = [await product(plain, tensors, form), await product(plain, withMinima, form)];
    const wanted = before.map((value, i) => {
      const [token, out] = [Math.floor(i / TO), i % TO];
      let sum = value;
      for (let k = 0; k < FROM; k++) sum -= plain[token * FROM + k]! * minima[(out * FROM) / 32 + (k >> 5)]!;
      return sum;
    });
    expect(relativeError(after, wanted)).toBeLessThan(1e-5);
  });

  test.each([
    ["int8", int8],
    ["8 bits in blocks", { form: "blocks", bits: 8, block: 128 }],
    ["4 bits in blocks", { form: "blocks", bits: 4, block: 32 }],
  ] as const)("low-rank factors are added in float32 to %s", async (_, form) => {
    const tensors = await stored(form);
    const [down, up] = [noise(2 * FROM, 5), noise(TO * 2, 6)];
    const lowRank = { "a/down": { data: down, dims: [2, FROM] }, "a/up": { data: up, dims: [TO, 2] } };
    const added = await product(plain, tensors, form, { lowRank });
    const base = await product(plain, tensors, form);
    const wanted = base.map((value, i) => {
      const [token, out] = [Math.floor(i / TO), i % TO];
      let sum = value;
      for (let r = 0; r < 2; r++) {
        let inner = 0;
        for (let k = 0; k < FROM; k++) inner += plain[token * FROM + k]! * down[r * FROM + k]!;
        sum += inner * up[out * 2 + r]!;
      }
      return sum;
    });
    expect(relativeError(added, wanted)).toBeLessThan(1e-5);
  });
});

test("a token of zeros gives the bias", async () => {
  const y = await product(new Float32Array(TOKENS * FROM), await stored(int8), int8);
  expect([...y.subarray(0, TO)]).toEqual([...bias]);
});

test("the probe returns 7 or 8 bits", async () => {
  expect([7, 8]).toContain(await activationBits());
});

function rms(values: Float32Array): number {
  return Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / values.length);
}
