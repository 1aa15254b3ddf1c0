import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { loadTokenizer } from "./tokenizer.ts";

const FIXTURE = "test/fixtures/plain/checkpoint/tokenizer";
const TEXT = "<|im_start|>user\nA red fox, 42 don'ts<|im_end|>";

interface AddedToken {
  readonly content: string;
}

let folder: string;
let expected: number[];
let vocab: Record<string, number>;
let merges: string[];
let added: [id: string, token: AddedToken][];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "inkstone-tokenizer-"));
  await cp(FIXTURE, folder, { recursive: true });
  expected = (await loadTokenizer(FIXTURE))(TEXT);
  vocab = JSON.parse(await readFile(join(FIXTURE, "vocab.json"), "utf8"));
  const lines = (await readFile(join(FIXTURE, "merges.txt"), "utf8")).split("\n");
  merges = lines.filter((line) => line !== "" && !line.startsWith("#version"));
  const config = JSON.parse(await readFile(join(FIXTURE, "tokenizer_config.json"), "utf8"));
  added = Object.entries(config.added_tokens_decoder as Record<string, AddedToken>);
});
afterEach(() => rm(folder, { recursive: true }));

const write = (name: string, content: unknown) => writeFile(join(folder, name), JSON.stringify(content));
const ids = async () => (await loadTokenizer(folder))(TEXT);
const single = () => ({
  model: { type: "BPE", vocab, merges },
  added_tokens: added.map(([id, token]) => ({ id: Number(id), ...token })),
});

test("added tokens are read from added_tokens.json when tokenizer_config.json has none", async () => {
  await write("tokenizer_config.json", { model_max_length: 100 });
  await write("added_tokens.json", Object.fromEntries(added.map(([id, { content }]) => [content, Number(id)])));
  expect(await ids()).toEqual(expected);
});

test("tokenizer.json has precedence over older files next to it", async () => {
  await write("tokenizer_config.json", { model_max_length: 100 });
  await write("vocab.json", { stale: 0 });
  await writeFile(join(folder, "merges.txt"), "");
  await write("tokenizer.json", single());
  expect(await ids()).toEqual(expected);
});

test("a folder with only tokenizer.json is enough", async () => {
  for (const name of ["vocab.json", "merges.txt", "tokenizer_config.json"]) await rm(join(folder, name));
  await write("tokenizer.json", single());
  expect(await ids()).toEqual(expected);
});

test.each(["<|im_start|>", "<|im_end|>"])("a tokenizer without an id for %s is refused", async (missing) => {
  const rest = added.filter(([, { content }]) => content !== missing);
  await write("tokenizer_config.json", { added_tokens_decoder: Object.fromEntries(rest) });
  await expect(ids()).rejects.toThrow(`${folder}: the tokenizer has no id for ${missing}`);
});

test("a folder without any tokenizer is refused", async () => {
  await rm(join(folder, "vocab.json"));
  await expect(ids()).rejects.toThrow("has neither vocab.json nor tokenizer.json");
});
