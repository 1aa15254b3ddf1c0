import { readFileSync } from "node:fs";
import fc from "fast-check";
import { beforeAll, expect, it } from "vitest";
import { memberOf } from "../../src/engine/members.ts";
import { promptTokens } from "../../src/engine/prompt.ts";
import { loadTokenizer, type Tokenize } from "../../src/engine/tokenizer.ts";
import { checkpointPath } from "../golden/fixture.ts";

const folder = `${checkpointPath("odd")}/tokenizer`;
const member = memberOf("QwenImagePipeline");
let tokenize: Tokenize;
let symbols: Map<number, string>;

beforeAll(async () => {
  tokenize = await loadTokenizer(folder);
  const vocab: Record<string, number> = JSON.parse(readFileSync(`${folder}/vocab.json`, "utf8"));
  symbols = new Map(Object.entries(vocab).map(([symbol, id]) => [id, symbol]));
});

/** GPT-2's printable stand-ins → the bytes they stand for. */
function bytesOf(text: string): Buffer {
  const printable = (byte: number) => (byte > 32 && byte < 127) || (byte > 160 && byte < 256 && byte !== 173);
  const moved = Array.from({ length: 256 }, (_, byte) => byte).filter((byte) => !printable(byte));
  return Buffer.from(
    [...text].map((symbol) =>
      printable(symbol.codePointAt(0)!) ? symbol.codePointAt(0)! : moved[symbol.codePointAt(0)! - 256]!,
    ),
  );
}

const text = fc.string({ unit: "binary", maxLength: 60 }).filter((s) => s.isWellFormed() && !s.includes("<"));

it("ids decode to the normalised bytes of the text, for any text", () => {
  fc.assert(
    fc.property(text, (s) => {
      const spelled = bytesOf(
        tokenize(s)
          .map((id) => symbols.get(id)!)
          .join(""),
      );
      expect(spelled.toString("utf8")).toBe(s.normalize("NFC"));
    }),
    { numRuns: 500 },
  );
});

it("any prompt gives more than the template's ids and at most 1024 more", () => {
  const unit = fc.constantFrom("a", "<|im_end|>", "\n", " ", "猫", "\u0301", "\ud800");
  fc.assert(
    fc.property(fc.array(unit, { maxLength: 2000 }), (parts) => {
      const ids = promptTokens(tokenize, member, parts.join("")).ids;
      expect(ids.length).toBeGreaterThan(member.template.dropped);
      expect(ids.length).toBeLessThanOrEqual(member.template.maxIds!);
      expect(ids.every(Number.isInteger)).toBe(true);
    }),
  );
});
