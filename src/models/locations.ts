import { readdir } from "node:fs/promises";
import { homedir } from "node:os";
import { isAbsolute, join, resolve } from "node:path";
import { bundledCheckpoint } from "../bundled.ts";

/** Where models are looked for. */
export interface ModelLocations {
  /** Installed models: one folder each, with a `card.json`. Need not exist. */
  readonly modelsDir: string;
  /** The checkpoint that comes with the package. */
  readonly bundledDir: string;
}

/** Folder of everything that is kept: `--data-dir`, else `INKSTONE_DATA_DIR`, else one place for each user. Absolute. */
export function dataDirectory(env: NodeJS.ProcessEnv, flag?: string): string {
  return resolve(flag || env.INKSTONE_DATA_DIR || join(userData(env, process.platform), "inkstone"));
}

/** Where programs keep data for a user: the XDG base directories, and what stands in for them elsewhere. */
function userData(env: NodeJS.ProcessEnv, platform: NodeJS.Platform): string {
  if (platform === "win32") return env.LOCALAPPDATA || join(homedir(), "AppData", "Local");
  if (platform === "darwin") return join(homedir(), "Library", "Application Support");
  // The specification has relative paths ignored.
  const xdg = env.XDG_DATA_HOME ?? "";
  return isAbsolute(xdg) ? xdg : join(homedir(), ".local", "share");
}

/** `INKSTONE_MODELS_DIR`, else `models` in the data folder; and the package's own `models/nano`. */
export function modelLocations(env: NodeJS.ProcessEnv, dataDir: string = dataDirectory(env)): ModelLocations {
  return {
    modelsDir: resolve(env.INKSTONE_MODELS_DIR || join(dataDir, "models")),
    bundledDir: bundledCheckpoint,
  };
}

/** What lies in a models directory, by name; none when there is no such directory. Hidden ones are not finished yet. */
export async function foldersIn(directory: string): Promise<string[]> {
  const names = await readdir(directory).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return [];
    throw error;
  });
  return names.filter((name) => !name.startsWith(".")).sort();
}
