import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { Tokenizer } from "@huggingface/tokenizers";
import { CheckpointError, readJson } from "../weights/index.ts";

/** Text → ids, with the vocabulary of the checkpoint. */
export type Tokenize = (text: string) => number[];

/**
 * Qwen2's split into words, digits and spaces. JavaScript's \s differs from the reference in two characters
 * (it has U+FEFF and lacks U+0085), so white space is listed.
 */
const SPACE = "\\t-\\r\\x85\\p{Z}";
const PRE_TOKENS = [
  "(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])",
  "[^\\r\\n\\p{L}\\p{N}]?\\p{L}+",
  "\\p{N}",
  ` ?[^${SPACE}\\p{L}\\p{N}]+[\\r\\n]*`,
  `[${SPACE}]*[\\r\\n]+`,
  `[${SPACE}]+(?![^${SPACE}])`,
  `[${SPACE}]+`,
].join("|");

interface AddedToken {
  readonly content: string;
  readonly special?: boolean;
  readonly lstrip?: boolean;
  readonly rstrip?: boolean;
  readonly normalized?: boolean;
  readonly single_word?: boolean;
}

/** Special tokens of the prompt templates. */
const SPECIAL = ["<|im_start|>", "<|im_end|>"];

/**
 * Loads a Qwen2 tokenizer from `tokenizer.json` if it exists: newer software writes only that, beside files that may be outdated.
 * Otherwise from `vocab.json`, `merges.txt`, and the added tokens of `tokenizer_config.json` and `added_tokens.json`.
 *
 * @throws CheckpointError naming the missing or malformed file, or a special token without an id
 */
export async function loadTokenizer(folder: string): Promise<Tokenize> {
  const { vocab, merges, added } = existsSync(join(folder, "tokenizer.json"))
    ? await readSingleFile(join(folder, "tokenizer.json"))
    : await readSeparateFiles(folder);
  const tokenizer = new Tokenizer(
    {
      version: "1.0",
      added_tokens: added,
      normalizer: { type: "NFC" },
      pre_tokenizer: {
        type: "Sequence",
        pretokenizers: [
          { type: "Split", pattern: { Regex: PRE_TOKENS }, behavior: "Isolated", invert: false },
          { type: "ByteLevel", add_prefix_space: false, trim_offsets: false, use_regex: false },
        ],
      },
      post_processor: null,
      decoder: { type: "ByteLevel", add_prefix_space: false, trim_offsets: false, use_regex: false },
      model: { type: "BPE", vocab, merges, continuing_subword_prefix: "", end_of_word_suffix: "", fuse_unk: false },
    },
    {},
  );
  const tokenize: Tokenize = (text) => tokenizer.encode(text, { add_special_tokens: false }).ids;
  for (const token of SPECIAL) {
    if (tokenize(token).length !== 1) throw new CheckpointError(`${folder}: the tokenizer has no id for ${token}`);
  }
  return tokenize;
}

async function readSeparateFiles(folder: string) {
  const file = (name: string) => join(folder, name);
  if (!existsSync(file("vocab.json"))) throw new CheckpointError(`${folder} has neither vocab.json nor tokenizer.json`);
  const vocab = (await readJson(file("vocab.json"))) as Record<string, number>;
  const text = await readFile(file("merges.txt"), "utf8").catch((cause) => {
    throw new CheckpointError(`${file("merges.txt")} is missing`, { cause });
  });
  const lines = text.split(/\r?\n/).filter((line) => line !== "" && !line.startsWith("#version"));
  return { vocab, merges: lines.map((line) => line.split(" ")), added: await readAddedTokens(file) };
}

/** Added tokens by id. `tokenizer_config.json` has more details than `added_tokens.json`. */
async function readAddedTokens(file: (name: string) => string) {
  const read = async (name: string) => (existsSync(file(name)) ? await readJson(file(name)) : {});
  const ids = (await read("added_tokens.json")) as Record<string, number>;
  const config = (await read("tokenizer_config.json")) as { added_tokens_decoder?: Record<string, AddedToken> };
  const tokens = new Map(
    Object.entries(ids).map(([content, id]): [number, AddedToken] => [id, { content, special: true }]),
  );
  for (const [id, token] of Object.entries(config.added_tokens_decoder ?? {})) tokens.set(Number(id), token);
  return [...tokens].map(([id, token]) => ({ id, ...token }));
}

async function readSingleFile(path: string) {
  const json = (await readJson(path)) as {
    model?: { type?: string; vocab?: Record<string, number>; merges?: (string | string[])[] };
    added_tokens?: (AddedToken & { id: number })[];
  };
  if (json.model?.type !== "BPE" || !json.model.vocab || !json.model.merges) {
    throw new CheckpointError(`${path}: expected a BPE model with vocab and merges`);
  }
  const merges = json.model.merges.map((merge) => (typeof merge === "string" ? merge.split(" ") : merge));
  return { vocab: json.model.vocab, merges, added: json.added_tokens ?? [] };
}
