#!/usr/bin/env node
// The command. Plain JavaScript that old versions of Node read too: they are told so before any TypeScript is loaded.
import { existsSync, readFileSync } from "node:fs";

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

// A clone runs its sources, whatever was built; a published package has only what was built.
const [sources, built] = ["../src/cli/main.ts", "../dist/cli/main.js"].map((path) => new URL(path, import.meta.url));
await import((existsSync(sources) ? sources : built).href);
