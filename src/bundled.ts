import { existsSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";

/** Folder of the checkpoint that comes with the package. Absolute; from `src` and from `dist` alike. */
export const bundledCheckpoint: string = fileURLToPath(new URL("../models/nano", import.meta.url));

/** A clone has its large files packed. The reason when this folder is the bundled checkpoint of one whose scripts did not run. */
export function packedStill(folder: string): string | undefined {
  const weights = join(bundledCheckpoint, "transformer", "diffusion_pytorch_model.safetensors");
  if (relative(resolve(folder), bundledCheckpoint) !== "" || existsSync(weights)) return undefined;
  return `the bundled checkpoint is not unpacked yet: run "npm run prepare" in ${resolve(bundledCheckpoint, "../..")}`;
}
