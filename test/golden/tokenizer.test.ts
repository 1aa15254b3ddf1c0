import { readFileSync } from "node:fs";
import { beforeAll, describe, expect, it } from "vitest";
import { promptIds } from "../../src/engine/prompt.ts";
import { loadTokenizer, type Tokenize } from "../../src/engine/tokenizer.ts";
import { CASES, checkpointPath, fixturePath, readFixture } from "./fixture.ts";

interface Expected {
  readonly prompt: string;
  readonly ids: number[];
}

describe("ids by Qwen's own vocabulary", () => {
  const cases: Expected[] = JSON.parse(readFileSync(fixturePath("tokenizer/expected.json"), "utf8"));
  let tokenize: Tokenize;

  beforeAll(async () => {
    tokenize = await loadTokenizer(fixturePath("tokenizer"));
  });

  it.each(cases.map(({ prompt, ids }) => ({ shown: JSON.stringify(prompt).slice(0, 60), prompt, ids })))(
    "$shown",
    ({ prompt, ids }) => {
      expect(promptIds(tokenize, prompt)).toEqual(ids);
    },
  );
});

describe("ids by a checkpoint's vocabulary", () => {
  it.each(CASES)("%s", async (name) => {
    const fixture = readFixture(name);
    const tokenize = await loadTokenizer(`${checkpointPath(name)}/tokenizer`);
    expect(promptIds(tokenize, fixture.prompt)).toEqual([...fixture.tensor("ids").data]);
    expect(promptIds(tokenize, fixture.negativePrompt)).toEqual([...fixture.tensor("negative/ids").data]);
  });
});
