import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Checkpoint, openCheckpoint } from "../../src/engine/checkpoint/checkpoint.ts";
import { promptTokens } from "../../src/engine/prompt.ts";
import { jointRotary, promptPositions } from "../../src/engine/rope.ts";
import { loadTokenizer, type Tokenize } from "../../src/engine/tokenizer.ts";
import { patchesOf } from "../../src/engine/vision/patches.ts";
import { sizeOfArea } from "../../src/engine/vision/sizes.ts";
import { type VisionTower, visionTower } from "../../src/engine/vision/vision-tower.ts";
import { resample } from "../../src/pictures/index.ts";
import { expectIdentical, expectStage } from "./compare.ts";
import { EDITING_CASES, editingCheckpointPath, readEdit } from "./edit-fixture.ts";
import { ONE_THREAD } from "./fixture.ts";

const SIZES = { patch: 14, merge: 2, frames: 2 };

describe.each(EDITING_CASES)("%s", (name) => {
  const fixture = readEdit(name, "stages");
  const { references, referencePixels, width, height } = fixture;
  let checkpoint: Checkpoint;
  let tower: VisionTower;
  let tokenize: Tokenize;

  beforeAll(async () => {
    checkpoint = await openCheckpoint(editingCheckpointPath(name));
    const { vision, weights } = checkpoint.textEncoder;
    tokenize = await loadTokenizer(checkpoint.tokenizerFolder);
    tower = await visionTower(vision!, weights, ONE_THREAD);
  });
  afterAll(() => tower?.dispose());

  /** What the tower is shown, before its own resizing. */
  const shown = (i: number) => {
    const { width, height } = sizeOfArea(referencePixels * checkpoint.member.references!.towerShare, references[i]!);
    return resample(references[i]!, width, height, "lanczos");
  };
  const grids = references.map((_, i) => {
    const [rows, columns] = fixture.tensor(`tower/${i}/picture`).dims.map((side) => side / 28) as [number, number];
    return { rows, columns };
  });

  it.each([...references.keys()])("pixels of reference %d", (i) => {
    const { values, grid } = patchesOf(shown(i), SIZES);
    const picture = fixture.tensor(`tower/${i}/picture`);
    expect([14 * grid.rows, 14 * grid.columns]).toEqual(picture.dims.slice(0, 2));
    expectStage(`tower/${i}/patches`, { data: everyEleventh(values) }, fixture.tensor(`tower/${i}/patches`), 1e-6);
  });

  it.each([...references.keys()])("tokens of reference %d", async (i) => {
    const { rows, columns, tokens } = await tower.see(shown(i));
    expect({ rows, columns }).toEqual(grids[i]);
    expectStage(`tower/${i}/tokens`, tokens, fixture.tensor(`tower/${i}/tokens`));
  });

  it("ids", () => {
    const { ids } = promptTokens(tokenize, checkpoint.member, fixture.prompt, grids);
    expect(ids).toEqual([...fixture.tensor("ids").data]);
  });

  it("positions", () => {
    const { ids, images } = promptTokens(tokenize, checkpoint.member, fixture.prompt, grids);
    const { time, row, column } = promptPositions(ids.length, images);
    expectIdentical("positions", [...time, ...row, ...column], fixture.tensor("positions").data);
  });

  it("rope", () => {
    const tokens = fixture.tensor("embeddings").dims[0]!;
    const sizes = [{ width, height }, ...references.map((reference) => sizeOfArea(referencePixels, reference))];
    const images = sizes.map(({ width, height }) => ({ rows: height / 16, columns: width / 16 }));
    const table = jointRotary(tokens, images, checkpoint.transformer.config.axes_dims_rope);
    for (const part of ["cos", "sin"] as const) {
      const [text, image] = [fixture.tensor(`rope/text/${part}`), fixture.tensor(`rope/image/${part}`)];
      expect(table[part].dims).toEqual([text.dims[0]! + image.dims[0]!, text.dims[1]]);
      expectStage(`rope/text/${part}`, { data: table[part].data.subarray(0, text.data.length) }, text, 1e-6);
      expectStage(`rope/image/${part}`, { data: table[part].data.subarray(text.data.length) }, image, 1e-6);
    }
  });
});

function everyEleventh(values: Float32Array): Float32Array {
  const features = 3 * 2 * 14 * 14;
  return values.filter((_, i) => Math.floor(i / features) % 11 === 0);
}
