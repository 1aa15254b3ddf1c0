import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Pipeline } from "../../src/engine/index.ts";
import {
  CONTROL_NET,
  darkness,
  edgeOverlap,
  GUIDES,
  guideOf,
  loraFile,
  MODEL,
  SIDE,
  STYLE_PROMPTS,
  STYLES,
} from "./cases.ts";

const size = { width: SIDE, height: SIDE, steps: 12 };

let pipeline: Pipeline;
beforeAll(async () => {
  pipeline = await Pipeline.load(MODEL);
});
afterAll(() => pipeline.dispose());

describe.each(STYLES)("the %s LoRA", (style) => {
  test.each(STYLE_PROMPTS)("turns a bright board dark, more so with more weight: %s", async (prompt) => {
    const board = [];
    for (const weight of [0, 0.6, 0.8, 1]) {
      const loras = [{ file: loraFile(style), weight }];
      const [image] = await pipeline.generate({ prompt, ...size, seed: 7n, loras });
      board.push(darkness(image!));
    }
    for (const [i, value] of board.entries()) if (i > 0) expect(value).toBeGreaterThan(board[i - 1]! - 0.03);
    expect(board.at(-1)).toBeGreaterThan(board[0]! + 0.15);
  });
});

test.each(GUIDES)("the edge ControlNet follows its guide: $title", async ({ prompt, shapes }) => {
  const guide = await guideOf(shapes);
  const [without] = await pipeline.generate({ prompt, ...size, seed: 7n });
  const controls = [{ folder: CONTROL_NET, image: guide }];
  const [steered] = await pipeline.generate({ prompt, ...size, seed: 7n, controls });
  expect(edgeOverlap(steered!, guide)).toBeGreaterThan(3 * edgeOverlap(without!, guide));
  expect(edgeOverlap(steered!, guide)).toBeGreaterThan(0.4);
});
