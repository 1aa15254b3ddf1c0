/** Checks pages, the texts of the source, and the titles of tests against the style guide: `npm run check:prose [FILE…]`. */

import { readFile } from "node:fs/promises";
import { TextlintKernel } from "@textlint/kernel";
import markdown from "@textlint/textlint-plugin-markdown";
import { isTest, pages, sources, tests } from "./files.ts";
import { type SourceText, sourceTexts, testTitles } from "./source-texts.ts";
import { styleRule } from "./textlint-rule.ts";

const kernel = new TextlintKernel();

interface Finding {
  readonly line: number;
  readonly message: string;
}

async function findings(file: string): Promise<Finding[]> {
  const text = await readFile(file, "utf8");
  const texts = textsOf(text, file);
  const found: Finding[] = [];
  for (const { text, line: first } of texts) {
    const { messages } = await kernel.lintText(text, {
      filePath: file,
      ext: ".md",
      plugins: [{ pluginId: "markdown", plugin: markdown.default }],
      rules: [{ ruleId: "style", rule: styleRule, options: { isTitle: isTest(file) } }],
    });
    found.push(...messages.map(({ line, message }) => ({ line: first + line - 1, message })));
  }
  return found;
}

function textsOf(text: string, file: string): readonly SourceText[] {
  if (isTest(file)) return testTitles(text, file);
  return /\.tsx?$/.test(file) ? sourceTexts(text, file) : [{ text, line: 1 }];
}

const named = process.argv.slice(2);
const files = named.length > 0 ? named : [...pages(), ...sources(), ...tests()];
let found = 0;
for (const file of files) {
  for (const { line, message } of await findings(file)) {
    console.error(`${file}:${line} ${message}`);
    found += 1;
  }
}
if (found > 0) {
  console.error(`\n${found} against the style guide in CONTRIBUTING.md.`);
  process.exitCode = 1;
}
