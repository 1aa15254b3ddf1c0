import { vectorizeRawSync } from "@neplex/vectorizer";
import type { ChildReport, TraceJob } from "./trace.ts";

// Traces one image and exits. A separate process, because native code cannot be stopped otherwise. Started by `trace.ts`.

/** Defaults of VTracer. Its enumerations exist for the compiler only, so these are their numbers. */
const SETTINGS = {
  colorMode: 0, // all colours
  hierarchical: 0, // shapes are stacked, without gaps
  mode: 2, // splines
  filterSpeckle: 4,
  colorPrecision: 6,
  layerDifference: 16,
  cornerThreshold: 60,
  lengthThreshold: 4,
  maxIterations: 10,
  spliceThreshold: 45,
  pathPrecision: 2,
};

process.on("disconnect", () => process.exit(0));
process.once("message", ({ width, height, rgba, maxLength }: TraceJob) => {
  const pixels = Buffer.from(rgba.buffer, rgba.byteOffset, rgba.byteLength);
  const svg = vectorizeRawSync(pixels, { width, height }, SETTINGS);
  const paths = svg.slice(svg.indexOf("<path"), svg.lastIndexOf("</svg>"));
  const report: ChildReport =
    paths.length > maxLength ? { type: "tooLong", length: paths.length } : { type: "done", paths };
  process.send!(report, () => process.exit(0));
});
