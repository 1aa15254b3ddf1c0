import nodePath from "node:path";
import type { Quantised, Weight, Weights } from "../weights/index.ts";
import { type Device, EXACT } from "./device.ts";
import { AttributeType, DataType, EXTERNAL, ModelProto } from "./schema.ts";

/** A tensor in a graph under construction. It is only a name until the graph runs. */
export type Value = string & { readonly __graphValue: true };

/** A known size, or a name for a size that each run sets. */
export type Dim = number | string;

type Attribute = number | string | readonly number[] | { readonly float: number };
type Attributes = Readonly<Record<string, Attribute>>;

/** A finished graph: ONNX bytes, with weights that stay in the checkpoint's files. */
export interface BuiltGraph {
  readonly name: string;
  /** A serialized ModelProto. */
  readonly bytes: Uint8Array;
  /** The folder that external data paths in `bytes` are relative to. */
  readonly weightsRoot: string;
  /** Names of the inputs of a run. */
  readonly inputs: readonly string[];
  /** Outputs that stay on the device. */
  readonly onDevice: readonly string[];
  /** Bytes of weights that a session copies into memory. @param prepack as in `SessionOptions` */
  copied(prepack: boolean): number;
  /** True when all its large matrices can run from the mapped file, without a copy. */
  readonly mappable: boolean;
}

/** A matrix of the checkpoint in its stored form, with the layout of `StoredForm`. */
export type Matrix =
  | { readonly form: "plain"; readonly values: Value }
  | (Quantised & { readonly values: Value; readonly scales: Value; readonly minima?: Value });

/** Weights that are inputs of a graph, so that they can change between runs. */
export interface FedWeights {
  /** Tensors that are fed by their name instead of being read from the checkpoint. */
  readonly replaced: ReadonlySet<string>;
  /** Linear layers that add `up · down · x`: fed as `<layer>/down` [rank, in] and `<layer>/up` [out, rank]. */
  readonly lowRank: ReadonlySet<string>;
}

/**
 * Memory that a session needs for a weight in addition to the mapped file, in bytes. Plain numbers become float32, blocks are rearranged for
 * the processor, int8 stays in the file unless it is prepacked.
 */
export function copiedBytes({ shape, byteLength, quantised }: Weight, prepack: boolean): number {
  if (!quantised) return 4 * shape.reduce((product, size) => product * size, 1);
  return quantised.form === "blocks" || prepack ? byteLength : 0;
}

/** For graphs that use only their inputs. */
export const NO_WEIGHTS: Weights = {
  folder: "",
  names: [],
  has: () => false,
  find: () => undefined,
  get: (name) => {
    throw new Error(`a graph without weights has no ${name}`);
  },
};

const NOTHING_FED: FedWeights = { replaced: new Set(), lowRank: new Set() };

interface ExternalTensor {
  name: string;
  dims: readonly number[];
  dataType: number;
  dataLocation: number;
  externalData?: { key: string; value: string }[];
}

/** Opsets of the standard operators (with Gelu, RMSNormalization and LayerNormalization) and of those of ONNX Runtime. */
const OPSETS = [
  { domain: "", version: 23 },
  { domain: "com.microsoft", version: 1 },
];
const IR_VERSION = 10;

/**
 * Builds one ONNX graph. It refers to weights in their safetensors files, as external data. BF16 and F16 weights get a Cast to float32,
 * which ONNX Runtime folds once when it loads the graph.
 */
export class Graph {
  readonly name: string;
  readonly #weights: Weights;
  readonly #fed: FedWeights;
  readonly #nodes: object[] = [];
  readonly #initializers = new Map<string, object>();
  readonly #external: { tensor: ExternalTensor; weight: Weight }[] = [];
  readonly #inputs = new Map<string, object>();
  readonly #outputs: object[] = [];
  readonly #onDevice: string[] = [];
  readonly #shared = new Map<string, unknown>();
  #counter = 0;
  readonly device: Device;

  constructor(name: string, weights: Weights, fed: FedWeights = NOTHING_FED, device: Device = EXACT) {
    this.name = name;
    this.#weights = weights;
    this.#fed = fed;
    this.device = device;
  }

  input(name: string, dims: readonly Dim[], type: "F32" | "I64" = "F32"): Value {
    this.#inputs.set(name, valueInfo(name, dims, type));
    return name as Value;
  }

  output(name: string, value: Value, dims: readonly Dim[], type: "F32" | "I8" | "U8" = "F32"): void {
    this.#node("Identity", [value], [name], {});
    this.#outputs.push(valueInfo(name, dims, type));
  }

  /** An output for the next graph. It stays on the device, if the host can hold tensors there. */
  outputOnDevice(name: string, value: Value, dims: readonly Dim[]): void {
    this.output(name, value, dims);
    if (this.device.provider === "webgpu") this.#onDevice.push(name);
  }

  /**
   * A checkpoint tensor, or the input that replaces it.
   * @param type of the value: another one is cast, once when the graph is loaded
   * @throws CheckpointError when it is missing or has another shape
   */
  weight(name: string, shape: readonly number[], type: "F32" | "F16" = "F32"): Value {
    const stored = this.#weights.get(name, shape);
    if (this.#fed.replaced.has(name)) {
      const fed = this.input(name, shape);
      return type === "F32" ? fed : this.cast(fed, type);
    }
    const bytes = this.#inPlace(name, stored, stored.shape);
    return stored.dtype === type ? bytes : this.cast(bytes, type);
  }

  /** The value in another type of number: one Cast for all that read it. */
  cast(value: Value, type: "F32" | "F16"): Value {
    return this.shared(`${value} as ${type}`, () => this.op("Cast", [value], { to: DataType[type] }));
  }

  /** A matrix [out, in] in its stored form, a plain one as `type`. @throws CheckpointError when it is missing or has another shape */
  matrix(name: string, shape: readonly [out: number, width: number], type: "F32" | "F16" = "F32"): Matrix {
    const stored = this.#weights.get(name, shape);
    const { quantised } = stored;
    if (!quantised || this.#fed.replaced.has(name)) return { form: "plain", values: this.weight(name, shape, type) };
    const [out, width] = shape;
    const scales = this.#inPlace(`${name}/scale`, quantised.scale, quantised.scale.shape);
    if (quantised.form === "int8") {
      return { ...quantised, values: this.#inPlace(name, stored, [width, out]), scales };
    }
    const { bits, block, minimum } = quantised;
    const values = this.#inPlace(name, stored, [out, width / block, (block * bits) / 8]);
    if (!minimum) return { ...quantised, values, scales };
    return { ...quantised, values, scales, minima: this.#inPlace(`${name}/minimum`, minimum, minimum.shape) };
  }

  /** The result of `make`, computed once for this key: for values that several layers share. */
  shared<T>(key: string, make: () => T): T {
    if (!this.#shared.has(key)) this.#shared.set(key, make());
    return this.#shared.get(key) as T;
  }

  /** An initializer with bytes that stay in the file. */
  #inPlace(name: string, weight: Weight, dims: readonly number[]): Value {
    if (!this.#initializers.has(name)) {
      const tensor: ExternalTensor = { name, dims, dataType: DataType[weight.dtype], dataLocation: EXTERNAL };
      this.#initializers.set(name, tensor);
      this.#external.push({ tensor, weight });
    }
    return name as Value;
  }

  hasWeight(name: string): boolean {
    return this.#weights.has(name);
  }

  /** The low-rank factors of a linear layer, if they are fed. */
  lowRank(layer: string, from: number, to: number): { down: Value; up: Value } | undefined {
    if (!this.#fed.lowRank.has(layer)) return undefined;
    const rank = `rank of ${layer}`;
    return { down: this.input(`${layer}/down`, [rank, from]), up: this.input(`${layer}/up`, [to, rank]) };
  }

  /** A small constant: int64 for shapes and axes, float32 otherwise. */
  ints(values: readonly number[]): Value {
    const raw = new BigInt64Array(values.map(BigInt));
    return this.#constant(`i64[${values}]`, [values.length], DataType.I64, new Uint8Array(raw.buffer));
  }

  floats(values: readonly number[], dims: readonly number[] = [values.length]): Value {
    const raw = new Float32Array(values);
    const key = values.length > 64 ? `f32[${dims}] number ${this.#counter++}` : `f32[${dims}:${values}]`;
    return this.#constant(key, dims, DataType.F32, new Uint8Array(raw.buffer));
  }

  /** An unsigned 8-bit scalar. */
  byte(value: number): Value {
    return this.#constant(`u8[${value}]`, [], DataType.U8, Uint8Array.of(value));
  }

  /** A float32 scalar. */
  scalar(value: number): Value {
    return this.floats([value], []);
  }

  /** Appends a standard ONNX operator with one output. */
  op(type: string, inputs: readonly (Value | undefined)[], attributes: Attributes = {}): Value {
    return this.ops(type, inputs, 1, attributes)[0]!;
  }

  /** Appends a standard ONNX operator with several outputs. */
  ops(type: string, inputs: readonly (Value | undefined)[], outputs: number, attributes: Attributes = {}): Value[] {
    const names = Array.from({ length: outputs }, () => `${type}_${this.#counter++}` as Value);
    this.#node(type, inputs, names, attributes);
    return names;
  }

  /** Appends an operator of ONNX Runtime (domain com.microsoft). */
  fused(type: string, inputs: readonly (Value | undefined)[], attributes: Attributes = {}): Value {
    const name = `${type}_${this.#counter++}` as Value;
    this.#node(type, inputs, [name], attributes, "com.microsoft");
    return name;
  }

  build(): BuiltGraph {
    const { root, locations } = externalLocations(this.#external.map(({ weight }) => weight.file));
    for (const [i, { tensor, weight }] of this.#external.entries()) {
      tensor.externalData = [
        { key: "location", value: locations[i]! },
        { key: "offset", value: String(weight.offset) },
        { key: "length", value: String(weight.byteLength) },
      ];
    }
    const model = {
      irVersion: IR_VERSION,
      producerName: "inkstone",
      opsetImport: OPSETS,
      graph: {
        name: this.name,
        node: this.#nodes,
        initializer: [...this.#initializers.values()],
        input: [...this.#inputs.values()],
        output: this.#outputs,
      },
    };
    return {
      name: this.name,
      bytes: ModelProto.encode(model).finish(),
      weightsRoot: root,
      inputs: [...this.#inputs.keys()],
      onDevice: this.#onDevice,
      copied: (prepack) => this.#external.reduce((sum, { weight }) => sum + copiedBytes(weight, prepack), 0),
      mappable: this.#external.some(({ weight }) => weight.quantised?.form === "int8"),
    };
  }

  #node(type: string, inputs: readonly (Value | undefined)[], output: string[], attributes: Attributes, domain = "") {
    this.#nodes.push({
      input: inputs.map((value) => value ?? ""),
      output,
      name: output[0],
      opType: type,
      domain,
      attribute: Object.entries(attributes).map(([name, value]) => ({ name, ...encodeAttribute(value) })),
    });
  }

  #constant(name: string, dims: readonly number[], dataType: number, rawData: Uint8Array): Value {
    if (!this.#initializers.has(name)) this.#initializers.set(name, { name, dims, dataType, rawData });
    return name as Value;
  }
}

/** Numbers are ints in ONNX attributes; write a float as `{ float: x }`. */
function encodeAttribute(value: Attribute): object {
  if (typeof value === "number") return { type: AttributeType.INT, i: value };
  if (typeof value === "string") return { type: AttributeType.STRING, s: new TextEncoder().encode(value) };
  if ("float" in value) return { type: AttributeType.FLOAT, f: value.float };
  return { type: AttributeType.INTS, ints: value };
}

function valueInfo(name: string, dims: readonly Dim[], type: keyof typeof DataType): object {
  const dim = dims.map((d) => (typeof d === "number" ? { dimValue: d } : { dimParam: d }));
  return { name, type: { tensorType: { elemType: DataType[type], shape: { dim } } } };
}

/** The path rules of a system: a part of `node:path`, whose own type has another name in each major version of @types/node. */
interface PathRules {
  readonly sep: string;
  dirname(path: string): string;
  isAbsolute(path: string): boolean;
  relative(from: string, to: string): string;
}

/**
 * The deepest folder with all these files, and their ONNX names relative to it: with forward slashes on every system.
 * @param path the path rules: those of this system, or others in a test
 * @throws Error for files on different drives, which external data cannot express
 */
export function externalLocations(
  files: readonly string[],
  { relative, dirname, sep, isAbsolute }: PathRules = nodePath,
) {
  let root = files.length > 0 ? dirname(files[0]!) : "";
  const outside = (file: string) => {
    const way = relative(root, file);
    return way === ".." || way.startsWith(`..${sep}`) || isAbsolute(way);
  };
  for (const file of files) {
    while (outside(file)) {
      if (dirname(root) === root)
        throw new Error(`${file} is on another drive than ${files[0]}; keep all weights on one drive`);
      root = dirname(root);
    }
  }
  return { root, locations: files.map((file) => relative(root, file).replaceAll(sep, "/")) };
}
