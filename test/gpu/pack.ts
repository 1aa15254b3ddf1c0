import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { chmod, rm, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";

/** Of our sources what the engine is, and of tests what the check is. */
const SOURCES = [
  "package.json",
  "src/bundled.ts",
  ...["src/weights", "src/onnx", "src/engine", "src/pictures"],
  ...["test/gpu", "test/bench/drawer.ts", "test/support/relative-error.ts", "test/support/some-pass.ts"],
  "test/support/synthetic-checkpoint.ts",
  ...["test/fixtures/plain", "test/fixtures/edit/checkpoint/tokenizer"],
  "reference/real_peers.py",
];

/** What these import; the check decodes no images, so that sharp stays at home. */
const PACKAGES = ["@huggingface/tokenizers", "fastest-levenshtein", "jstat", "onnxruntime-node", "protobufjs", "zod"];

const NODE = "node_modules/node/bin/node";

/**
 * Writes everything that the check runs with, Node included, into one archive. Weights are made where it runs.
 * @param root of the clone
 */
export async function pack(root: string, file: string): Promise<void> {
  const script = join(root, "check-gpu");
  await writeFile(script, `#!/bin/sh\ncd "$(dirname "$0")" && exec ${NODE} test/gpu/check.ts "$@"\n`);
  await chmod(script, 0o755);
  const { platform, arch } = process;
  const systems = ["linux", "darwin", "win32"].flatMap((name) => ["x64", "arm64"].map((cpu) => `${name}/${cpu}`));
  const others = systems.filter((name) => name !== `${platform}/${arch}`).map((name) => `napi-v6/${name}`);
  const left = [...others, "*.test.ts", "*.map"].map((pattern) => `--exclude=${pattern}`);
  try {
    const packages = withDependencies(root, PACKAGES).map((name) => `node_modules/${name}`);
    const paths = [...SOURCES, ...packages, NODE, "check-gpu"];
    execFileSync("tar", ["czf", resolve(file), "--dereference", ...left, ...paths], { cwd: root });
  } finally {
    await rm(script);
  }
}

/** Packages and all that they depend on, as they lie in `node_modules`. */
function withDependencies(root: string, names: readonly string[]): string[] {
  const found = new Set<string>();
  const add = (name: string) => {
    const path = join(root, "node_modules", name, "package.json");
    if (found.has(name) || !existsSync(path)) return; // optional ones may be missing
    found.add(name);
    const { dependencies = {} } = JSON.parse(readFileSync(path, "utf8")) as { dependencies?: Record<string, string> };
    for (const dependency of Object.keys(dependencies)) add(dependency);
  };
  for (const name of names) add(name);
  return [...found];
}
