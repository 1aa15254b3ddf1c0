import { readdirSync } from "node:fs";
import { copyFile, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openCheckpoint } from "../../src/engine/checkpoint/checkpoint.ts";
import { Pipeline } from "../../src/engine/index.ts";
import { type Adaptation, adapt } from "../../src/engine/lora/adaptation.ts";
import { lowRankMerger } from "../../src/engine/lora/matrix.ts";
import { readLora } from "../../src/engine/lora/read.ts";
import { loadModel } from "../../src/engine/model.ts";
import { jointRotary } from "../../src/engine/rope.ts";
import { type Pass, variantKey } from "../../src/engine/transformer-chain.ts";
import { writeSafetensors } from "../support/safetensors.ts";
import { velocityOf } from "../support/some-pass.ts";
import { expectIdentical, expectPicture, expectStage } from "./compare.ts";
import { checkpointPath, fixturePath, readFixture, readRun, readTensors } from "./fixture.ts";

const file = (name: string) => fixturePath(`lora/files/${name}.safetensors`);
const pictures = readdirSync(fixturePath("lora/pictures")).map((name) => name.replace(".safetensors", ""));

/** What `reference/lora.py` drew. */
function readPicture(name: string) {
  const { metadata, tensor, asked } = readRun(`lora/pictures/${name}.safetensors`);
  const loras = (JSON.parse(metadata.loras!) as [string, number][]).map(([f, weight]) => ({ file: file(f), weight }));
  return {
    picture: tensor("picture"),
    params: { ...asked, loras },
  };
}

describe("images with adapters", () => {
  const { loras: _, ...params } = readPicture("peft").params;
  let pipeline: Pipeline;
  let plain: Uint8Array;
  let folder: string;

  beforeAll(async () => {
    pipeline = await Pipeline.load(checkpointPath("plain"));
    plain = (await pipeline.generate(params))[0]!.pixels;
    folder = await mkdtemp(join(tmpdir(), "lora-"));
  });
  afterAll(async () => {
    await pipeline?.dispose();
    await rm(folder, { recursive: true, force: true });
  });

  it.each(pictures)("%s equals the reference", async (name) => {
    const { params, picture } = readPicture(name);
    const warnings: string[] = [];
    const [image] = await pipeline.generate(params, { onWarning: (message) => void warnings.push(message) });
    expect(warnings).toEqual([]);
    expectPicture(image!.pixels, picture);
  });

  it("a weight of 0 and a return to no adapter change no bit", async () => {
    for (const loras of [[], [{ file: file("kohya"), weight: 0 }], undefined]) {
      const [image] = await pipeline.generate({ ...params, ...(loras && { loras }) });
      expectIdentical("picture", image!.pixels, plain);
    }
  });

  it("high works in the first half of the steps, low in the second, both together in all", async () => {
    const latentsAfter = async (transformer: "high" | "low" | "both" | "none") => {
      const loras = transformer === "none" ? [] : [{ file: file("dotted"), transformer }];
      const [image] = await pipeline.generate({ ...params, steps: 4, loras });
      return image!.pixels;
    };
    const [none, high, low, both] = await Promise.all((["none", "high", "low", "both"] as const).map(latentsAfter));
    for (const [a, b] of [
      [none, high],
      [none, low],
      [high, both],
      [low, both],
      [high, low],
    ] as const) {
      expect(a).not.toEqual(b);
    }
    const halves = [
      { file: file("dotted"), transformer: "high" },
      { file: file("dotted"), transformer: "low" },
    ] as const;
    const [image] = await pipeline.generate({ ...params, steps: 4, loras: halves });
    expectIdentical("picture", image!.pixels, both!);
  });

  it("works together with a cache", async () => {
    const loras = [{ file: file("peft") }];
    const cache = { kind: "fbCache", threshold: 1e9, start: 2 } as const;
    const [cached] = await pipeline.generate({ ...params, loras, cache });
    expect(cached!.skippedSteps).toBe(1);
    expect(cached!.pixels).not.toEqual((await pipeline.generate({ ...params, cache }))[0]!.pixels);
  });

  it("warns of a file that fits only in part, with the keys", async () => {
    const { params } = readPicture("peft");
    const bytes = readTensorsOf("peft", (key) =>
      key.replace("transformer_blocks.1.attn.to_q", "transformer_blocks.9.attn.to_q"),
    );
    const path = join(folder, "partly.safetensors");
    await writeFile(path, bytes);
    const warnings: string[] = [];
    await pipeline.generate(
      { ...params, loras: [{ file: path }] },
      { onWarning: (message) => void warnings.push(message) },
    );
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toContain("transformer_blocks.9.attn.to_q.lora_A.weight");
    expect(warnings[0]).toContain("transformer_blocks.9.attn.to_q.lora_B.weight");
  });

  it("refuses a file that fits no layer, with keys and shapes", async () => {
    const elsewhere = readTensorsOf("peft", (key) => key.replace("transformer_blocks", "double_blocks"));
    await writeFile(join(folder, "elsewhere.safetensors"), elsewhere);
    await expect(
      pipeline.generate({ ...params, loras: [{ file: join(folder, "elsewhere.safetensors") }] }),
    ).rejects.toThrow(/fits no layer.*double_blocks/);
    const odd = await Pipeline.load(checkpointPath("odd"));
    await expect(odd.generate({ ...params, loras: [{ file: file("peft") }] })).rejects.toThrow(
      /fits no layer.*up \[32,4\] · down \[4,32\] is not \[36,36\]/,
    );
    await odd.dispose();
  });

  it("refuses missing files, files that are not safetensors, and weights out of range", async () => {
    await copyFile(fixturePath("plain/checkpoint/model_index.json"), join(folder, "text.safetensors"));
    const bad = [
      [{ file: join(folder, "none.safetensors") }, "loras[0].file"],
      [{ file: join(folder, "text.safetensors") }, "loras[0].file"],
      [{ file: file("peft"), weight: 4.01 }, "loras[0].weight"],
      [{ file: file("peft"), weight: Number.NaN }, "loras[0].weight"],
      [{ file: file("peft"), transformer: "middle" as "both" }, "loras[0].transformer"],
      [{ file: "" }, "loras[0].file"],
    ] as const;
    for (const [lora, parameter] of bad) {
      await expect(pipeline.generate({ ...params, loras: [lora] })).rejects.toMatchObject({
        name: "ParameterError",
        parameter,
      });
    }
  });

  it("a schedule in the adapter replaces the checkpoint's: Lightning's constant shift of 3", async () => {
    const sigmas: number[] = [];
    const schedule = { base_shift: Math.log(3), max_shift: Math.log(3), shift_terminal: null };
    await pipeline.generate({ ...params, steps: 4, schedule }, { onStep: ({ sigma }) => void sigmas.push(sigma) });
    for (const [i, sigma] of [0.9, 0.75, 0.5, 0].entries()) expect(sigmas[i]).toBeCloseTo(sigma, 5);
  });
});

describe("merged weights and low-rank inputs", () => {
  it("low-rank adapters of any layers share one graph", async () => {
    const { weights } = (await openCheckpoint(checkpointPath("plain"))).transformer;
    const merge = await lowRankMerger();
    const changes = [...(await readLora(file("peft"), weights)).changes].filter(([, { kind }]) => kind === "lowRank");
    const variants = [changes, changes.slice(0, 1), changes.slice(3, 5)].map(async (some) => {
      const weighted = new Map(some.map(([name, change]) => [name, [{ change, weight: 1 }]]));
      const { transformer } = await adapt(weights, weighted, merge, { addedWork: 1e9, bytes: 0, mostBytes: 0 });
      return variantKey(transformer);
    });
    expect(new Set(await Promise.all(variants)).size).toBe(1);
  });

  it.each(["peft", "kohya", "several"])("%s: give the same velocity", async (name) => {
    const checkpoint = await openCheckpoint(checkpointPath("plain"));
    const model = await loadModel(checkpoint);
    const merge = await lowRankMerger();
    const { weights } = checkpoint.transformer;
    const changes = new Map<string, { change: never; weight: number }[]>();
    for (const lora of readPicture(name).params.loras) {
      for (const [tensor, change] of (await readLora(lora.file, weights)).changes) {
        changes.set(tensor, [...(changes.get(tensor) ?? []), { change: change as never, weight: lora.weight }]);
      }
    }
    const fixture = readFixture("plain");
    const text = fixture.floats("embeddings");
    const velocityWith = async ({ time, transformer: attachments }: Adaptation) => {
      const pass: Pass = {
        latents: fixture.floats("noise"),
        text: { data: text.data, dims: [1, ...text.dims] },
        rotary: jointRotary(
          text.dims[0]!,
          [{ rows: fixture.height / 16, columns: fixture.width / 16 }],
          model.ropeAxes,
        ),
        modulation: (await model.modulations([0.8], time))[0]!,
        ...(attachments && { attachments }),
      };
      return velocityOf(model, pass);
    };
    const merged = await adapt(weights, changes, merge, { addedWork: 0, bytes: 1e9, mostBytes: 1e9 });
    const lowRank = await adapt(weights, changes, merge, { addedWork: 1, bytes: 0, mostBytes: 0 });
    expect(merged.transformer!.fed!.lowRank.size).toBe(0);
    expect(lowRank.transformer!.fed!.replaced.size).toBe(0);
    expect(lowRank.bytes).toBeLessThan(merged.bytes);
    const expected = await velocityWith(merged);
    expectStage("velocity", { data: await velocityWith(lowRank) }, { data: expected, dims: [] });
    await model.dispose();
  });
});

/** A fixture's adapter file with other keys. */
function readTensorsOf(name: string, rename: (key: string) => string): Buffer {
  const { tensors } = readTensors(`lora/files/${name}.safetensors`);
  return writeSafetensors(new Map([...tensors].map(([key, tensor]) => [rename(key), tensor as never])));
}
