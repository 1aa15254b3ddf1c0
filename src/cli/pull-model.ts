import { basename, join } from "node:path";
import { type AdapterKind, airPattern, modelLocations, registeredAt } from "../models/index.ts";
import { UsageError } from "./exit.ts";
import { type Terminal, tell } from "./terminal.ts";

interface PullFlags {
  readonly air?: string;
  readonly kind: "checkpoint" | AdapterKind;
  readonly revision: string;
  readonly file?: string;
}

/**
 * Downloads a repository into the models directory; what to register of it, and as what.
 * @throws before the first byte: UsageError, or ModelError `alreadyInstalled` when something else has the AIR
 */
export async function pullModel(repo: string, flags: PullFlags, terminal: Terminal) {
  const { kind, revision, file } = flags;
  if (!/^[\w.-]+\/[\w.-]+$/.test(repo) || repo.split("/").includes(".."))
    throw new UsageError(`the repository is "${repo}"; allowed is OWNER/NAME`);
  if (file !== undefined && kind !== "lora")
    throw new UsageError("--file is given without --kind lora, which it needs");
  const air = flags.air ?? `huggingface:${repo.replace("/", ".")}@${revision.replaceAll("/", ".")}`;
  if (!airPattern.test(air)) throw new UsageError(`--air is "${air}"; allowed is source:id@version`);
  const locations = modelLocations(terminal.env);
  const folder = join(locations.modelsDir, ".hub", repo, revision.replaceAll("/", "."));
  const placeOf = (paths: readonly string[]) => {
    if (kind === "lora") return join(folder, theOnly(paths, repo, file));
    if (kind === "checkpoint" && !paths.some((path) => basename(path) === "model_index.json"))
      throw new UsageError(`${repo} is no checkpoint in diffusers layout: it has no model_index.json`);
    return folder;
  };
  const { HF_ENDPOINT: hubUrl, HF_TOKEN: accessToken } = terminal.env;
  // Loaded here: other commands need no hub.
  const { pullRepository } = await import("../models/hub/index.ts");
  const wanted = (path: string) => (file === undefined ? path.endsWith(".safetensors") : path === file);
  const paths = await pullRepository(repo, folder, {
    revision,
    ...(kind === "lora" && { wanted }),
    ...(hubUrl && { hubUrl }),
    ...(accessToken && { accessToken }),
    signal: terminal.signal,
    onListed: async (paths) => void (await registeredAt(kind, placeOf(paths), air, locations)),
    onProgress: tenths((line) => tell(terminal, line)),
  });
  return { air, path: placeOf(paths) };
}

function theOnly(paths: readonly string[], repo: string, file: string | undefined): string {
  if (paths.length === 1) return paths[0]!;
  throw new UsageError(
    paths.length === 0
      ? `${repo} has no ${file ?? "safetensors file"}`
      : `${repo} has several safetensors files; choose one with --file: ${paths.join(", ")}`,
  );
}

/** A line for each tenth of a file. */
function tenths(write: (line: string) => void) {
  let last = "";
  return ({ path, done, size }: { path: string; done: number; size: number }) => {
    const line = `${path}: ${size === 0 ? 100 : Math.floor((10 * done) / size) * 10} % of ${(size / 1e6).toFixed(1)} MB`;
    if (line !== last) write(line);
    last = line;
  };
}
