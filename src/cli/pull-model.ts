import { join } from "node:path";
import { type AdapterKind, modelLocations } from "../models/index.ts";
import { UsageError } from "./exit.ts";
import { type Terminal, tell } from "./terminal.ts";

interface PullFlags {
  readonly air?: string;
  readonly kind: "checkpoint" | AdapterKind;
  readonly revision: string;
  readonly file?: string;
}

/** Downloads a repository into the models directory; what to register of it, and as what. */
export async function pullModel(repo: string, flags: PullFlags, terminal: Terminal) {
  const { kind, revision, file } = flags;
  if (!/^[\w.-]+\/[\w.-]+$/.test(repo) || repo.split("/").includes(".."))
    throw new UsageError(`the repository is "${repo}"; allowed is OWNER/NAME`);
  if (file !== undefined && kind !== "lora")
    throw new UsageError("--file is given without --kind lora, which it needs");
  const folder = join(modelLocations(terminal.env).modelsDir, ".hub", repo, revision.replaceAll("/", "."));
  const { HF_ENDPOINT: hubUrl, HF_TOKEN: accessToken } = terminal.env;
  // Loaded here: other commands need no hub.
  const { pullRepository } = await import("../hub/index.ts");
  const wanted = (path: string) => (file === undefined ? path.endsWith(".safetensors") : path === file);
  const paths = await pullRepository(repo, folder, {
    revision,
    ...(kind === "lora" && { wanted }),
    ...(hubUrl && { hubUrl }),
    ...(accessToken && { accessToken }),
    signal: terminal.signal,
    onProgress: tenths((line) => tell(terminal, line)),
  });
  const air = flags.air ?? `huggingface:${repo.replace("/", ".")}@${revision.replaceAll("/", ".")}`;
  if (kind !== "lora") return { air, path: folder };
  if (paths.length === 1) return { air, path: join(folder, paths[0]!) };
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
