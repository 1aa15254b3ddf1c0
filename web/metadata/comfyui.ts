import { type Json, type JsonObject, parseJson } from "../api/json.ts";
import type { Parameters } from "../api/types.ts";
import { seedOf, withoutUnknown } from "./values.ts";

interface Node {
  readonly class_type: string;
  readonly inputs: JsonObject;
}

/** Most links to follow. */
const MOST_LINKS = 20;

/** Parses the graph of ComfyUI (`prompt`): the first sampler, and the nodes of its inputs. */
export function fromComfyUI(text: string): Parameters | undefined {
  const graph = graphOf(text);
  const sampler = Object.values(graph ?? {}).find(
    ({ inputs }) => "positive" in inputs && "negative" in inputs && "steps" in inputs,
  );
  if (graph === undefined || sampler === undefined) return undefined;

  /** The node that a link `[id, output]` leads to. */
  const linked = (value: Json | undefined): Node | undefined =>
    Array.isArray(value) ? graph[String(value[0])] : undefined;
  /** A value, found through nodes that only pass it on. */
  const plain = (value: Json | undefined, name: string, depth = 0): Json | undefined => {
    const node = linked(value);
    if (node === undefined || depth > MOST_LINKS) return Array.isArray(value) ? undefined : value;
    return plain(node.inputs[name] ?? node.inputs.value ?? Object.values(node.inputs)[0], name, depth + 1);
  };
  const textBehind = (value: Json | undefined, depth = 0): string | undefined => {
    const node = linked(value);
    if (node === undefined || depth > MOST_LINKS) return undefined;
    const text = plain(node.inputs.text ?? node.inputs.prompt, "text");
    if (typeof text === "string") return text;
    return Object.values(node.inputs)
      .map((input) => textBehind(input, depth + 1))
      .find((found) => found !== undefined);
  };
  const { inputs } = sampler;
  const size = linked(inputs.latent_image)?.inputs;
  const number = (value: Json | undefined, name: string) => {
    const found = plain(value, name);
    return typeof found === "number" ? found : undefined;
  };
  return withoutUnknown({
    positivePrompt: textBehind(inputs.positive),
    negativePrompt: textBehind(inputs.negative),
    steps: number(inputs.steps, "steps"),
    CFGScale: number(inputs.cfg, "cfg"),
    seed: seedOf(plain(inputs.seed ?? inputs.noise_seed, "seed")),
    width: number(size?.width, "width"),
    height: number(size?.height, "height"),
  });
}

function graphOf(text: string): Readonly<Record<string, Node>> | undefined {
  try {
    const graph = parseJson(text);
    if (typeof graph !== "object" || graph === null || Array.isArray(graph)) return undefined;
    const nodes = Object.entries(graph).filter(([, node]) => isNode(node));
    return Object.fromEntries(nodes) as unknown as Record<string, Node>;
  } catch {
    return undefined;
  }
}

const isNode = (value: unknown): value is Node =>
  typeof value === "object" &&
  value !== null &&
  "inputs" in value &&
  typeof value.inputs === "object" &&
  value.inputs !== null;
