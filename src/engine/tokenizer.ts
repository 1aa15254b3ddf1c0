import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { Tokenizer } from "@huggingface/tokenizers";
import { CheckpointError, readJson } from "../weights/index.ts";

/** Text → ids, with the checkpoint's own vocabulary. */
export type Tokenize = (text: string) => number[];

/**
 * Qwen2's split into words, digits and spaces. JavaScript's \s differs from the reference in two characters
 * (it has U+FEFF and lacks U+0085), so white space is spelled out.
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

/**
 * Loads a Qwen2 tokenizer from `vocab.json`, `merges.txt` and the added tokens of `tokenizer_config.json`.
 * Newer files put everything into `tokenizer.json`; it is read when there is no `vocab.json`.
 *
 * @throws CheckpointError naming the missing or malformed file
 */
export async function loadTokenizer(folder: string): Promise<Tokenize> {
  const { vocab, merges, added } = existsSync(join(folder, "vocab.json"))
    ? await readSeparateFiles(folder)
    : await readSingleFile(folder);
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
  return (text) => tokenizer.encode(text, { add_special_tokens: false }).ids;
}

async function readSeparateFiles(folder: string) {
  const vocab = (await readJson(join(folder, "vocab.json"))) as Record<string, number>;
  const config = (await readJson(join(folder, "tokenizer_config.json"))) as {
    added_tokens_decoder?: Record<string, AddedToken>;
  };
  const mergesPath = join(folder, "merges.txt");
  const text = await readFile(mergesPath, "utf8").catch((cause) => {
    throw new CheckpointError(`${mergesPath} is missing`, { cause });
  });
  const lines = text.split(/\r?\n/).filter((line) => line !== "" && !line.startsWith("#version"));
  const added = Object.entries(config.added_tokens_decoder ?? {}).map(([id, token]) => ({ id: Number(id), ...token }));
  return { vocab, merges: lines.map((line) => line.split(" ")), added };
}

async function readSingleFile(folder: string) {
  const path = join(folder, "tokenizer.json");
  if (!existsSync(path)) throw new CheckpointError(`${folder} has neither vocab.json nor tokenizer.json`);
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
