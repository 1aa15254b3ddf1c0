/**
 * Packs files again: those of index.json that changed, and those named by their path from the root (new ones are added; Git has
 * to ignore them: .gitignore). Some minutes for all of them.
 *
 *     node packed/pack.mjs [PATH…]
 */
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { pack, unpack } from "./format.mjs";
import { indexFile, packedFile, readIndex, root, sha256 } from "./index.mjs";

const entries = new Map((await readIndex()).map((entry) => [entry.path, entry]));
for (const path of new Set([...entries.keys(), ...process.argv.slice(2)])) {
  const bytes = await readFile(join(root, path));
  const hash = sha256(bytes);
  if (entries.get(path)?.sha256 === hash) continue;
  const { packed, sections } = pack(bytes, path.endsWith(".safetensors"));
  if (!unpack(packed, sections).equals(bytes)) throw new Error(`${path} does not come back as it was`);
  await mkdir(dirname(packedFile(path)), { recursive: true });
  await writeFile(packedFile(path), packed);
  entries.set(path, { path, bytes: bytes.length, sha256: hash, sections });
  console.log(`${path}: ${bytes.length} -> ${packed.length} bytes`);
}
await writeFile(indexFile, `${JSON.stringify([...entries.values()], null, 2)}\n`);
