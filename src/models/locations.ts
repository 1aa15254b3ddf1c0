import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

/** Where models are looked for. */
export interface ModelLocations {
  /** Installed models: one folder each, with a `card.json`. Need not exist. */
  readonly modelsDir: string;
  /** The checkpoint that comes with the package. */
  readonly bundledDir: string;
}

/** Settings folder of a server or command: `--data-dir`, else `INKSTONE_DATA_DIR`, else `inkstone-data` here. */
export function dataDirectory(env: NodeJS.ProcessEnv, flag?: string): string {
  return resolve(flag ?? (env.INKSTONE_DATA_DIR || "inkstone-data"));
}

/** `INKSTONE_MODELS_DIR`, else `models` in the data folder; and the package's own `models/nano`. */
export function modelLocations(env: NodeJS.ProcessEnv, dataDir: string = dataDirectory(env)): ModelLocations {
  return {
    modelsDir: resolve(env.INKSTONE_MODELS_DIR || join(dataDir, "models")),
    // From src/models and from dist/models alike.
    bundledDir: fileURLToPath(new URL("../../models/nano", import.meta.url)),
  };
}
