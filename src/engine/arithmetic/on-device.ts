import {
  type AnyTensor,
  type Device,
  type Feeds,
  type Graph,
  type HostTensor,
  kernels,
  modulatedNorm,
  type Transfers,
  type Value,
} from "../../onnx/index.ts";
import { EPS } from "../transformer-block.ts";
import type { Arithmetic, Term } from "./arithmetic.ts";

const DIMS = ["B", "S", "F"] as const;

/** Small graphs in float32. Of what they compute the host reads numbers only: a sum a token, never a tensor. */
export function onDevice(device: Device, moved: Transfers): Arithmetic {
  const small = kernels(device);

  /** Runs a graph of tensors [B, S, F] and of scalars, and leaves its result on the device. */
  const compute = async (
    name: string,
    tensors: Readonly<Record<string, AnyTensor>>,
    numbers: Readonly<Record<string, number>>,
    formula: (g: Graph, x: Readonly<Record<string, Value>>) => Value,
  ): Promise<AnyTensor> => {
    const { y } = await small.run(name, (g) => g.outputOnDevice("y", formula(g, inputs(g, tensors, numbers)), DIMS), {
      ...(await moved.upload(tensors)),
      ...scalars(numbers),
    });
    return y!;
  };
  /** Runs a graph whose result is a number for each token, and adds these up. */
  const total = async (
    name: string,
    tensors: Readonly<Record<string, AnyTensor>>,
    formula: (g: Graph, x: Readonly<Record<string, Value>>) => Value,
  ): Promise<number> => {
    const { y } = await small.run<HostTensor>(
      name,
      (g) => {
        const size = g.op("Abs", [formula(g, inputs(g, tensors, {}))]);
        g.output("y", g.op("ReduceSum", [size, g.ints([-1])], { keepdims: 0 }), ["B", "S"]);
      },
      await moved.upload(tensors),
    );
    return y!.data.reduce((sum, value) => sum + value, 0);
  };

  const sum = (terms: readonly Term[]) =>
    compute(
      `sum of ${terms.length}`,
      Object.fromEntries(terms.map(([, values], i) => [`x${i}`, values])),
      Object.fromEntries(terms.map(([weight], i) => [`w${i}`, weight])),
      (g, x) =>
        terms
          .map((_, i) => g.op("Mul", [x[`x${i}`]!, x[`w${i}`]!]))
          .reduce((sum, product) => g.op("Add", [sum, product])),
    );

  return {
    weightedSum: sum,
    roundedSum: sum,
    choose: (mask, x, other) =>
      compute("choose", { mask, x, other }, {}, (g, { mask, x, other }) =>
        g.op("Where", [g.op("Greater", [mask!, g.scalar(0.5)]), x!, other!]),
      ),
    replaceUnchanged: (x, before, other) =>
      compute("replace what is unchanged", { x, before, other }, {}, (g, { x, before, other }) =>
        g.op("Where", [g.op("Equal", [x!, before!]), other!, x!]),
      ),
    append: (x, others) =>
      compute("append", { x, others }, {}, (g, { x, others }) => g.op("Concat", [x!, others!], { axis: 1 })),
    first: (x, tokens) =>
      compute(`first ${tokens}`, { x }, {}, (g, { x }) =>
        g.op("Slice", [x!, g.ints([0]), g.ints([tokens]), g.ints([1])]),
      ),
    guide: (positive, negative, scale) =>
      compute("guide", { positive, negative }, { scale }, (g, { positive, negative, scale }) => {
        const apart = g.op("Sub", [positive!, negative!]);
        const combined = g.op("Add", [negative!, g.op("Mul", [apart, scale!])]);
        return g.op("Mul", [combined, g.op("Div", [tokenNorm(g, positive!), tokenNorm(g, combined)])]);
      }),
    async modulatedNorm(x, scale, shift, tokens) {
      const vectors = { scale: vector(scale), shift: vector(shift) };
      const { y } = await small.run(
        `modulated norm of ${scale.length}, first ${tokens}`,
        (g) => {
          const first = g.op("Slice", [g.input("x", DIMS), g.ints([0]), g.ints([tokens]), g.ints([1])]);
          const [by, to] = [g.input("scale", [scale.length]), g.input("shift", [shift.length])];
          g.outputOnDevice("y", modulatedNorm(g, first, by, to, EPS), DIMS);
        },
        { x, ...vectors },
      );
      return y!;
    },
    async relativeChange(a, b) {
      const change = await total("change", { a, b }, (g, { a, b }) => g.op("Sub", [a!, b!]));
      return change / (await total("size", { x: b }, (_, { x }) => x!));
    },
    // A sum shows what a comparison may not: shader compilers may take for granted that no number is NaN.
    allFinite: async (x) => Number.isFinite(await total("size", { x }, (_, { x }) => x!)),
    toHost: moved.download,
    dispose: small.dispose,
  };
}

function inputs(g: Graph, tensors: object, numbers: object): Record<string, Value> {
  const tensorInputs = Object.keys(tensors).map((name) => [name, g.input(name, DIMS)] as const);
  const numberInputs = Object.keys(numbers).map((name) => [name, g.input(name, [1])] as const);
  return Object.fromEntries([...tensorInputs, ...numberInputs]);
}

function scalars(numbers: Readonly<Record<string, number>>): Feeds {
  return Object.fromEntries(Object.entries(numbers).map(([name, value]) => [name, vector(Float32Array.of(value))]));
}

const vector = (data: Float32Array): HostTensor => ({ data, dims: [data.length] });

/** √(Σ x²) of each token: [B, S, 1] */
function tokenNorm(g: Graph, x: Value): Value {
  return g.op("Sqrt", [g.op("ReduceSum", [g.op("Mul", [x, x]), g.ints([-1])], { keepdims: 1 })]);
}
