import { readFileSync } from "node:fs";

const manifest = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as {
  version: string;
  engines: { node: string };
};

/** This package's version, `0.1.0`. */
export const version = manifest.version;

/** Program and version, as written into pictures and headers: `inkstone 0.1.0`. */
export const software = `inkstone ${version}`;

/** The oldest version of Node that runs it, `22.19`: what undici needs; TypeScript runs from 22.18 on. */
export const oldestNode = manifest.engines.node.replace(">=", "");
