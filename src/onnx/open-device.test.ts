import { expect, test } from "vitest";
import type { Device } from "./device.ts";
import { DeviceError, EXACT } from "./device.ts";
import { Graph, NO_WEIGHTS } from "./graph.ts";
import { attention, parts } from "./layers.ts";
import { openDevice, type SelfTests } from "./open-device.ts";
import { createSession } from "./session.ts";

const tests = (change: Partial<SelfTests> = {}): SelfTests => ({
  attentionError: async () => 1e-7,
  productTime: async ({ provider }) => (provider === "cpu" ? 10 : 1),
  ...change,
});

test("a GPU with correct fused attention uses it", async () => {
  const { device } = await openDevice("webgpu", { tests: tests() });
  expect(device).toMatchObject({ provider: "webgpu", attention: "fused", widestSplit: 7 });
});

test("a GPU with wrong fused attention uses separate operators, and reports it", async () => {
  const attentionError = async ({ attention }: Device) => (attention === "fused" ? 0.12 : 1e-7);
  const { device, note } = await openDevice("webgpu", { tests: tests({ attentionError }) });
  expect(device.attention).toBe("written out");
  expect(note).toBe("webgpu, attention written out (the fused operator has an error of 12.0 %)");
});

test("a GPU that computes both forms wrongly is refused by name", async () => {
  const opening = openDevice("webgpu", { tests: tests({ attentionError: async () => 0.12 }) });
  await expect(opening).rejects.toThrow(
    new DeviceError("webgpu computes attention with an error of 12.0 %. Update its driver, or use --device cpu"),
  );
});

test("without its library, CUDA is refused with installation advice", async () => {
  await expect(openDevice("cuda:1", { tests: tests() })).rejects.toThrow(
    /cuda:1 cannot be used.*docs\/operators\/gpu\.md/,
  );
});

test("auto: a faster GPU; otherwise the processor, with the reason", async () => {
  expect((await openDevice("auto", { tests: tests() })).device.provider).toBe("webgpu");
  const slow = await openDevice("auto", {
    tests: tests({ productTime: async ({ provider }) => (provider === "cpu" ? 1 : 10) }),
  });
  expect(slow.device.provider).toBe("cpu");
  expect(slow.note).toMatch(/webgpu is slower than the processor \(10 ms for 1 ms\)/);
  const none = await openDevice("auto", {
    tests: tests({ attentionError: async () => Promise.reject(new Error("no adapter")) }),
  });
  expect(none.note).toMatch(/^cpu: .*webgpu cannot be used: no adapter/);
});

test("float16 where the device passes its test; refused by name if requested, float32 with auto", async () => {
  const passing = { tests: tests() };
  expect((await openDevice("webgpu", passing)).device.precision).toBe("float32");
  for (const precision of ["float16", "auto"] as const) {
    const { device, note } = await openDevice("webgpu", { precision, ...passing });
    expect([device.precision, note]).toEqual(["float16", "webgpu, products in float16"]);
  }
  const attentionError = async ({ precision }: Device) => {
    if (precision === "float16") throw new Error("Program Cast requires f16 but the device does not support it.");
    return 1e-7;
  };
  const lacking = { tests: tests({ attentionError }) };
  await expect(openDevice("webgpu", { precision: "float16", ...lacking })).rejects.toThrow(
    /^webgpu has no float16 \(Program Cast requires f16 but the device does not support it\.\)/,
  );
  const { device, note } = await openDevice("webgpu", { precision: "auto", ...lacking });
  expect(device.precision).toBe("float32");
  expect(note).toMatch(/^webgpu, no float16 \(Program/);
});

test("wrong float16 counts as missing", async () => {
  const attentionError = async ({ precision }: Device) => (precision === "float16" ? 0.3 : 1e-7);
  const opening = openDevice("cuda", { precision: "float16", tests: tests({ attentionError }) });
  await expect(opening).rejects.toThrow(DeviceError);
  const { device } = await openDevice("webgpu", { precision: "auto", tests: tests({ attentionError }) });
  expect(device.precision).toBe("float32");
});

const dims = [2, 5, 6 * 8];
const numbers = (seed: number) => Float32Array.from({ length: 2 * 5 * 48 }, (_, i) => Math.sin(seed + i * 1.3));

test.each([{}, { causal: true }, { bias: true }, { queryParts: 3 }, { queryParts: 5, causal: false }])(
  "attention in separate operators equals the fused one: %j",
  async ({ causal, bias, queryParts }: { causal?: boolean; bias?: boolean; queryParts?: number }) => {
    const attended = async (device: Device) => {
      const g = new Graph("attention", NO_WEIGHTS, undefined, device);
      const [q, k, v] = ["q", "k", "v"].map((name) => g.input(name, dims));
      const added = bias ? g.input("bias", [2, 1, 5, 5]) : undefined;
      g.output("y", attention(g, q!, k!, v!, { heads: 6, headDim: 8, causal, bias: added, queryParts }), dims);
      const session = await createSession(g.build());
      const feeds = Object.fromEntries(["q", "k", "v"].map((name, i) => [name, { data: numbers(i), dims }]));
      const table = { data: Float32Array.from({ length: 50 }, (_, i) => (i % 3) - 1), dims: [2, 1, 5, 5] };
      const { y } = await session.run(bias ? { ...feeds, bias: table } : feeds);
      await session.release();
      return y!.data;
    };
    const [fused, written] = [await attended(EXACT), await attended({ ...EXACT, attention: "written out" })];
    for (const [i, value] of fused.entries()) expect(written[i]).toBeCloseTo(value, 5);
  },
);

test("a vector is cut into the same parts by one Split or by slices", async () => {
  const cut = async (device: Device) => {
    const g = new Graph("parts", NO_WEIGHTS, undefined, device);
    const found = parts(g, g.input("x", [12]), 4, 3);
    g.output("y", g.op("Concat", found.toReversed(), { axis: 0 }), [12]);
    const session = await createSession(g.build());
    const { y } = await session.run({ x: { data: Float32Array.from({ length: 12 }, (_, i) => i), dims: [12] } });
    return [...y!.data];
  };
  expect(await cut({ ...EXACT, widestSplit: 2 })).toEqual(await cut(EXACT));
});
