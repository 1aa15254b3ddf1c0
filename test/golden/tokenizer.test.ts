import { readFileSync } from "node:fs";
import { beforeAll, describe, expect, it } from "vitest";
import { memberOf } from "../../src/engine/members.ts";
import { promptTokens } from "../../src/engine/prompt.ts";
import { loadTokenizer, type Tokenize } from "../../src/engine/tokenizer.ts";
import { CASES, checkpointPath, fixturePath, readFixture } from "./fixture.ts";

const BASE = memberOf("QwenImagePipeline");

interface Expected {
  readonly prompt: string;
  readonly ids: number[];
}

describe("ids of Qwen's vocabulary", () => {
  const cases: Expected[] = JSON.parse(readFileSync(fixturePath("tokenizer/expected.json"), "utf8"));
  let tokenize: Tokenize;

  beforeAll(async () => {
    tokenize = await loadTokenizer(fixturePath("tokenizer"));
  });

  it.each(cases.map(({ prompt, ids }) => ({ shown: JSON.stringify(prompt).slice(0, 60), prompt, ids })))(
    "$shown",
    ({ prompt, ids }) => {
      expect(promptTokens(tokenize, BASE, prompt).ids).toEqual(ids);
    },
  );
});

describe("ids of edits with Qwen's vocabulary", () => {
  const cases: (Expected & { pipeline: string; images: number })[] = JSON.parse(
    readFileSync(fixturePath("tokenizer/expected-edits.json"), "utf8"),
  );

  it.each(cases)("$pipeline $images $prompt", async ({ pipeline, images, prompt, ids }) => {
    const tokenize = await loadTokenizer(fixturePath("tokenizer"));
    const member = memberOf(pipeline);
    const grids = Array.from({ length: images }, () => ({ rows: 1, columns: 1 }));
    const found = promptTokens(tokenize, member, prompt, grids);
    expect(found.ids).toEqual(ids);
    expect(found.images.map(({ start }) => ids[start])).toEqual(Array(images).fill(151655));
    // The part that is dropped ends where the user's turn begins.
    expect(ids.slice(member.template.dropped - 3, member.template.dropped)).toEqual([151644, 872, 198]);
  });
});

describe("ids with a checkpoint's vocabulary", () => {
  it.each(CASES)("%s", async (name) => {
    const fixture = readFixture(name);
    const tokenize = await loadTokenizer(`${checkpointPath(name)}/tokenizer`);
    expect(promptTokens(tokenize, BASE, fixture.prompt).ids).toEqual([...fixture.tensor("ids").data]);
    expect(promptTokens(tokenize, BASE, fixture.negativePrompt).ids).toEqual([...fixture.tensor("negative/ids").data]);
  });
});
