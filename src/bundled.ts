import { fileURLToPath } from "node:url";

/** Folder of the checkpoint that comes with the package. Absolute; from `src` and from `dist` alike. */
export const bundledCheckpoint: string = fileURLToPath(new URL("../models/nano", import.meta.url));
