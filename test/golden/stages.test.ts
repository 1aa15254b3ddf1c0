import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { onHost } from "../../src/engine/arithmetic/on-host.ts";
import { type Checkpoint, openCheckpoint } from "../../src/engine/checkpoint/checkpoint.ts";
import { pack } from "../../src/engine/latents.ts";
import { loadModel, type Model } from "../../src/engine/model.ts";
import { buildTimeGraph, timeFeatures } from "../../src/engine/modulations.ts";
import { torchGenerator } from "../../src/engine/noise/torch-generator.ts";
import { fromRgb } from "../../src/engine/pixels.ts";
import { jointRotary } from "../../src/engine/rope.ts";
import { flowSigmas } from "../../src/engine/schedulers/sigmas.ts";
import { buildTransformer } from "../../src/engine/transformer.ts";
import { createSession, type HostTensor, type Session } from "../../src/onnx/session.ts";
import { velocityOf } from "../support/some-pass.ts";
import { expectIdentical, expectStage } from "./compare.ts";
import { CASES, checkpointPath, ONE_THREAD, readFixture } from "./fixture.ts";

/** Every stage is fed the reference's values of the stage before, so the first test that fails is where the error is. */
describe.each(CASES)("%s", (name) => {
  const fixture = readFixture(name);
  const [rows, columns] = [fixture.height / 16, fixture.width / 16];
  const sigmas = [...fixture.floats("sigmas").data];
  let checkpoint: Checkpoint;
  let model: Model;
  let time: Session;
  let transformer: Session;

  beforeAll(async () => {
    checkpoint = await openCheckpoint(checkpointPath(name));
    const { config, weights } = checkpoint.transformer;
    model = await loadModel(checkpoint, ONE_THREAD);
    time = await createSession(buildTimeGraph(config, weights), ONE_THREAD);
    transformer = await createSession(buildTransformer(config, weights, { outputBlocks: true }), ONE_THREAD);
  });
  afterAll(async () => {
    await Promise.all([model?.dispose(), time?.release(), transformer?.release()]);
  });

  async function firstForward(text: HostTensor): Promise<Record<string, HostTensor>> {
    const { modulation } = await time.run({ features: timeFeatures([sigmas[0]!]) });
    return transformer.run({
      latents: fixture.floats("noise"),
      text,
      ...jointRotary(text.dims[1]!, [{ rows, columns }], model.ropeAxes),
      modulation: { data: modulation!.data, dims: [modulation!.data.length] },
    });
  }

  /** [T, D] as the transformer takes it: [1, T, D]. */
  function embeddings(stage: string): HostTensor {
    const { data, dims } = fixture.floats(stage);
    return { data, dims: [1, ...dims] };
  }

  it("embeddings", async () => {
    for (const [stage, prompt] of [
      ["embeddings", fixture.prompt],
      ["negative/embeddings", fixture.negativePrompt],
    ] as const) {
      const actual = await model.encodePrompt(prompt);
      expectStage(stage, { data: actual.data, dims: actual.dims.slice(1) }, fixture.tensor(stage));
    }
  });

  it("sigmas", () => {
    const actual = flowSigmas(fixture.steps, rows * columns, checkpoint.scheduler);
    expectStage("sigmas", { data: actual }, fixture.tensor("sigmas"), 1e-6);
    expect(actual.at(-1)).toBe(0);
  });

  it("noise", () => {
    const noise = torchGenerator(fixture.seed).randn(rows * columns * 64);
    expectIdentical("noise", pack(noise, 16, rows * 2, columns * 2), fixture.tensor("noise").data);
  });

  it("timestep_embedding", async () => {
    const { embedding } = await time.run({ features: timeFeatures(sigmas.slice(0, -1)) });
    expectStage("timestep_embedding", embedding!, fixture.tensor("timestep_embedding"));
  });

  it("rope", () => {
    const tokens = fixture.tensor("embeddings").dims[0]!;
    const table = jointRotary(tokens, [{ rows, columns }], model.ropeAxes);
    for (const part of ["cos", "sin"] as const) {
      const [text, image] = [fixture.tensor(`rope/text/${part}`), fixture.tensor(`rope/image/${part}`)];
      expect(table[part].dims).toEqual([text.dims[0]! + image.dims[0]!, text.dims[1]]);
      expectStage(`rope/text/${part}`, { data: table[part].data.subarray(0, text.data.length) }, text);
      expectStage(`rope/image/${part}`, { data: table[part].data.subarray(text.data.length) }, image);
    }
  });

  it("blocks", async () => {
    const outputs = await firstForward(embeddings("embeddings"));
    const last = checkpoint.transformer.config.num_layers - 1;
    for (let i = 0; i <= last; i++) {
      for (const stream of ["text", "image"]) {
        // Nothing reads what the last block would do to the text, so it is not computed.
        if (i === last && stream === "text") continue;
        const stage = `block/${i}/${stream}`;
        expectStage(stage, { data: outputs[stage]!.data }, fixture.tensor(stage));
      }
    }
  });

  it("velocity", async () => {
    for (const [stage, text] of [
      ["velocity", "embeddings"],
      ["velocity/negative", "negative/embeddings"],
    ] as const) {
      const { velocity } = await firstForward(embeddings(text));
      expectStage(stage, velocity!, fixture.tensor(stage));
    }
  });

  it("guided", async () => {
    const [positive, negative] = [fixture.floats("velocity"), fixture.floats("velocity/negative")];
    const guided = (await onHost.guide(positive, negative, fixture.guidance)) as HostTensor;
    expectStage("guided", guided, fixture.tensor("guided"));
  });

  it("vae/decoded", async () => {
    const { data } = fixture.floats(`latents/${fixture.steps - 1}`);
    const planes = await model.decodeLatents({
      data: unpacked(data, rows, columns),
      dims: [1, 16, rows * 2, columns * 2],
    });
    expectStage("vae/decoded", { data: planes }, fixture.tensor("vae/decoded"));
  });

  it("vae/encode", async () => {
    const { data, dims } = fixture.tensor("vae/encode/picture");
    const [height, width] = dims as [number, number, number];
    const planes = fromRgb({ width, height, pixels: data as Uint8Array });
    const latents = await model.encodePicture({ data: planes, dims: [1, 3, height, width] });
    expectStage("vae/encode/normalised", { data: latents }, fixture.tensor("vae/encode/normalised"));
  });

  it.runIf(fixture.names.includes("batch/hidden"))("batch", async () => {
    const { modulation } = await time.run({ features: timeFeatures([...fixture.floats("batch/sigma").data]) });
    const forward = async (latents: HostTensor, text: HostTensor) =>
      velocityOf(model, {
        ...{ latents, text, modulation: modulation!.data },
        rotary: jointRotary(text.dims[1]!, [{ rows, columns }], model.ropeAxes),
      });
    const hidden = fixture.floats("batch/hidden");
    const velocity = await forward(hidden, fixture.floats("batch/embeddings"));
    expectStage("batch/velocity", { data: velocity }, fixture.tensor("batch/velocity"));

    // The reference pads the shorter text and masks it; here it stands alone, without padding.
    const padded = fixture.floats("batch/padded/embeddings");
    const [, tokens, features] = padded.dims as [number, number, number];
    const mask = fixture.tensor("batch/padded/mask").data;
    const expected = fixture.floats("batch/padded/velocity");
    const size = expected.data.length / 2;
    for (const row of [0, 1]) {
      const valid = [...mask.subarray(row * tokens, (row + 1) * tokens)].filter((flag) => flag === 1).length;
      const start = row * tokens * features;
      const text = { data: padded.data.subarray(start, start + valid * features), dims: [1, valid, features] };
      const latents = { data: hidden.data.subarray(row * size, (row + 1) * size), dims: [1, ...hidden.dims.slice(1)] };
      expectStage(
        `batch/padded/velocity row ${row}`,
        { data: await forward(latents, text) },
        {
          data: expected.data.subarray(row * size, (row + 1) * size),
          dims: [],
        },
      );
    }
  });
});

/** Tokens [L, 64] → planes [16, 2·rows, 2·columns], by the definition rather than by the engine's own `unpack`. */
function unpacked(tokens: Float32Array, rows: number, columns: number): Float32Array {
  const [height, width] = [rows * 2, columns * 2];
  return Float32Array.from({ length: tokens.length }, (_, i) => {
    const [channel, y, x] = [Math.floor(i / (height * width)), Math.floor(i / width) % height, i % width];
    const token = Math.floor(y / 2) * columns + Math.floor(x / 2);
    return tokens[token * 64 + channel * 4 + (y % 2) * 2 + (x % 2)]!;
  });
}
