/**
 * Unpacks the large files of a clone to where they are used. Runs before anything needs them: with `npm ci`, `npm start`, the
 * command and the tests. A file that is up to date costs one look at its size and time; one that somebody changed is left alone.
 * A published package has the files themselves, and not this folder.
 */
import { mkdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { unpack } from "./format.mjs";
import { packedFile, readIndex, root, sha256 } from "./index.mjs";

/** Size, time and hash of each file as it was unpacked here. */
const stampFile = fileURLToPath(new URL(".unpacked.json", import.meta.url));

/** @param {(line: string) => void} say called with a sentence for each file that does not hold what is packed */
export async function unpackAll(say) {
  const stamps = await readFile(stampFile, "utf8").then(JSON.parse, () => ({}));
  const before = JSON.stringify(stamps);
  for (const entry of await readIndex()) {
    const file = join(root, entry.path);
    const found = await stat(file).catch(() => undefined);
    const stamp = stamps[entry.path];
    const isOurs = found && stamp && found.size === stamp.size && found.mtimeMs === stamp.mtimeMs;
    if (isOurs && stamp.sha256 === entry.sha256) continue;
    if (!found || isOurs) await write(file, entry);
    else if (sha256(await readFile(file)) !== entry.sha256) {
      say(
        `${entry.path} was changed and is left alone: node packed/pack.mjs packs it, deleting it brings the packed one back`,
      );
      continue;
    }
    const { size, mtimeMs } = await stat(file);
    stamps[entry.path] = { size, mtimeMs, sha256: entry.sha256 };
  }
  if (JSON.stringify(stamps) !== before) await replace(stampFile, JSON.stringify(stamps));
}

/**
 * @param {string} file
 * @param {import("./index.mjs").Entry} entry
 */
async function write(file, { path, sections, sha256: expected }) {
  const bytes = unpack(await readFile(packedFile(path)), sections);
  if (sha256(bytes) !== expected)
    throw new Error(`packed/${path}.planes is damaged: git checkout packed brings it back`);
  await mkdir(dirname(file), { recursive: true });
  await replace(file, bytes);
}

/**
 * Atomically: two processes may unpack at once.
 * @param {string} file
 * @param {Buffer | string} content
 */
async function replace(file, content) {
  const temporary = `${file}.${process.pid}.tmp`;
  try {
    await writeFile(temporary, content);
    await rename(temporary, file);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

/** The global setup of vitest. */
export default () => unpackAll(console.warn);

if (process.argv[1] === fileURLToPath(import.meta.url)) await unpackAll(console.warn);
