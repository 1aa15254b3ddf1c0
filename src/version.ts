import { readFileSync } from "node:fs";

const manifest = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as {
  version: string;
  engines: { node: string };
};

/** The version of this package, `0.1.0`. */
export const version = manifest.version;

/** Program and version for images and headers: `inkstone 0.1.0`. */
export const software = `inkstone ${version}`;

/** The oldest supported version of Node, `22.19`. undici requires it; Node runs TypeScript from 22.18 on. */
export const oldestNode = manifest.engines.node.replace(">=", "");
