import { expect, test } from "vitest";
import type { Model } from "../model.ts";
import { adaptTransformer } from "./adapted-transformer.ts";
import { LoraFileError } from "./changes.ts";
import type { LoraParams } from "./params.ts";

/** A model whose adapters are known by their files. */
const model = {
  loras: {
    async adaptation(loras: readonly LoraParams[]) {
      const files = loras.map(({ file }) => file).join("+");
      if (files === "broken") throw new LoraFileError("broken", "it is empty");
      return files === "" ? undefined : { transformer: { feeds: { [files]: {} } }, bytes: 0 };
    },
  },
  modulations: async (sigmas: readonly number[]) => sigmas.map((sigma) => Float32Array.of(sigma)),
} as unknown as Model;

async function adaptersOfSteps(loras: readonly LoraParams[], steps: number): Promise<(string | undefined)[]> {
  const sigmas = Array.from({ length: steps + 1 }, (_, i) => 1 - i / steps);
  const at = await adaptTransformer(model, loras, sigmas, () => {});
  return sigmas.slice(0, -1).map((_, step) => Object.keys(at(step).attachments?.feeds ?? {})[0]);
}

test("high applies to the first half of the steps, including an odd one, low to the rest", async () => {
  const loras = [{ file: "a", transformer: "high" }, { file: "b", transformer: "low" }, { file: "c" }] as const;
  expect(await adaptersOfSteps(loras, 4)).toEqual(["a+c", "a+c", "b+c", "b+c"]);
  expect(await adaptersOfSteps(loras, 5)).toEqual(["a+c", "a+c", "a+c", "b+c", "b+c"]);
  expect(await adaptersOfSteps(loras.slice(1, 2), 2)).toEqual([undefined, "b"]);
  expect(await adaptersOfSteps([], 2)).toEqual([undefined, undefined]);
});

test("an unusable file is reported with its index in the list", async () => {
  await expect(
    adaptersOfSteps(
      [
        { file: "a", transformer: "high" },
        { file: "broken", transformer: "low" },
      ],
      2,
    ),
  ).rejects.toMatchObject({
    name: "ParameterError",
    parameter: "loras[1].file",
    message: "loras[1].file: it is empty",
  });
});
