import { readdir } from "node:fs/promises";
import { homedir } from "node:os";
import { isAbsolute, join, resolve } from "node:path";
import { bundledCheckpoint } from "../bundled.ts";

/** Folders to search for models. */
export interface ModelLocations {
  /** Installed models: one folder each, with a `card.json`. It need not exist. */
  readonly modelsDir: string;
  /** The checkpoint of the package. */
  readonly bundledDir: string;
}

/** The data folder, absolute: `--data-dir`, else `INKSTONE_DATA_DIR`, else a folder of the user. */
export function dataDirectory(env: NodeJS.ProcessEnv, flag?: string): string {
  return resolve(flag || env.INKSTONE_DATA_DIR || join(userData(env, process.platform), "inkstone"));
}

/** Where programs keep data of a user: the XDG base directory, or its counterpart on other systems. */
function userData(env: NodeJS.ProcessEnv, platform: NodeJS.Platform): string {
  if (platform === "win32") return env.LOCALAPPDATA || join(homedir(), "AppData", "Local");
  if (platform === "darwin") return join(homedir(), "Library", "Application Support");
  // The specification says to ignore relative paths.
  const xdg = env.XDG_DATA_HOME ?? "";
  return isAbsolute(xdg) ? xdg : join(homedir(), ".local", "share");
}

/** Models are in `INKSTONE_MODELS_DIR`, else in `models` of the data folder; and in `models/nano` of the package. */
export function modelLocations(env: NodeJS.ProcessEnv, dataDir: string = dataDirectory(env)): ModelLocations {
  return {
    modelsDir: resolve(env.INKSTONE_MODELS_DIR || join(dataDir, "models")),
    bundledDir: bundledCheckpoint,
  };
}

/** Names of the folders in a models directory; none when it does not exist. Hidden folders are unfinished. */
export async function foldersIn(directory: string): Promise<string[]> {
  const names = await readdir(directory).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return [];
    throw error;
  });
  return names.filter((name) => !name.startsWith(".")).sort();
}
