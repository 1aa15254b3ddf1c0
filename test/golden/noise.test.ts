import { describe, it } from "vitest";
import { torchGenerator } from "../../src/engine/noise/torch-generator.ts";
import { expectIdentical } from "./compare.ts";
import { readTensors } from "./fixture.ts";

const { tensors } = readTensors("noise/randn.safetensors");
const seeds = new Set([...tensors.keys()].map((name) => name.split("/")[0]!));

describe("torch.randn on the CPU, bit for bit", () => {
  it.each([...seeds])("seed %s, one tensor after the other", (seed) => {
    const generator = torchGenerator(BigInt(seed));
    for (let draw = 0; tensors.has(`${seed}/${draw}`); draw++) {
      const expected = tensors.get(`${seed}/${draw}`)!;
      expectIdentical(`draw ${draw}`, generator.randn(expected.data.length), expected.data);
    }
  });
});
