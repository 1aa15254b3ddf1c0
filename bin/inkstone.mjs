#!/usr/bin/env node
// The command. Plain JavaScript that old versions of Node read too: they are told so before any TypeScript is loaded.
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import nodeModule from "node:module";
import { homedir } from "node:os";
import { join } from "node:path";

const { engines } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));
const oldest = engines.node.replace(">=", "");
const [major, minor] = process.versions.node.split(".").map(Number);
const [oldestMajor, oldestMinor] = oldest.split(".").map(Number);
if (major < oldestMajor || (major === oldestMajor && minor < oldestMinor)) {
  const found = `Node ${process.versions.node} (${process.execPath})`;
  process.stderr.write(
    `error: inkstone needs Node ${oldest} or newer, and this is ${found}: install one from https://nodejs.org\n`,
  );
  process.exit(1);
}

// A clone's large files are packed; npm ci unpacks them, unless its scripts did not run.
const unpack = new URL("../packed/unpack.mjs", import.meta.url);
if (existsSync(unpack)) {
  try {
    const { unpackAll } = await import(unpack.href);
    await unpackAll((line) => process.stderr.write(`${line}\n`));
  } catch (error) {
    process.stderr.write(`error: the files of this clone cannot be unpacked: ${error.message}\n`);
    process.exit(1);
  }
}

// Node keeps what it has compiled, and stripped of types: a start takes a fifth less of the processor (BENCHMARKS.md). The folder is the
// user's own, for whoever can write there decides what runs. Where there is none, everything works all the same.
try {
  const { XDG_CACHE_HOME, LOCALAPPDATA, NODE_COMPILE_CACHE } = process.env;
  const caches = XDG_CACHE_HOME || LOCALAPPDATA || join(homedir(), ".cache");
  const folder = NODE_COMPILE_CACHE || join(caches, "inkstone", "compiled");
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  nodeModule.enableCompileCache(folder);
} catch {
  // It is compiled at each start.
}

// A clone runs its sources, whatever was built; a published package has only what was built.
const [sources, built] = ["../src/cli/main.ts", "../dist/cli/main.js"].map((path) => new URL(path, import.meta.url));
await import((existsSync(sources) ? sources : built).href);
