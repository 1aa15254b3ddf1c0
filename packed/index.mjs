/**
 * What is packed: index.json. Paths are relative to the root of the clone.
 *
 * @typedef {object} Entry
 * @property {string} path of the file, which Git ignores; `packed/PATH.planes` holds it
 * @property {number} bytes
 * @property {string} sha256
 * @property {import("./format.mjs").Section[]} sections
 */
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("..", import.meta.url));
export const indexFile = fileURLToPath(new URL("index.json", import.meta.url));

/** @param {string} path */
export const packedFile = (path) => fileURLToPath(new URL(`${path}.planes`, import.meta.url));

/** @returns {Promise<Entry[]>} */
export const readIndex = async () => JSON.parse(await readFile(indexFile, "utf8"));

/** @param {Buffer} bytes */
export const sha256 = (bytes) => createHash("sha256").update(bytes).digest("hex");
