import { isDiskError } from "../../disk-error.ts";
import { knownDistillation, ModelError, type ModelLocations } from "../../models/index.ts";
import { pullCheckpoint, receiveAdapter } from "../../models/install/index.ts";
import { hubRepository, invalidParameter, type ModelUploadTask, TaskError } from "../../protocol/index.ts";
import { type Outbound, OutboundError } from "../net/index.ts";
import type { Claim, UploadProgress } from "../tasks/index.ts";

/** The dependencies of model uploads. */
export interface ReceiveMeans {
  readonly locations: ModelLocations;
  readonly outbound: Pick<Outbound, "download">;
  /** Most bytes of a file; 0 allows no uploads. */
  readonly maxBytes: number;
  /** Timeout of one attempt. */
  readonly timeoutMs: number;
  /** True if the worker of another process has a model with this AIR. */
  isElsewhere(air: string): Promise<boolean>;
}

/** Timeout of a silent server. Other uploads need not wait for the whole timeout of an attempt. */
const SILENCE_MS = 60_000;

/**
 * Downloads the model of an upload and registers it, unless an earlier attempt has done so.
 * @throws TaskError with the parameter
 */
export async function receiveModel(
  claim: Claim<ModelUploadTask>,
  { locations, outbound, maxBytes, timeoutMs, isElsewhere }: ReceiveMeans,
  signal: AbortSignal,
): Promise<void> {
  const { task } = claim;
  if (maxBytes === 0)
    throw new TaskError("permissionDenied", { reason: "Model uploads are disabled (INKSTONE_MAX_MODEL_MB is 0)." });
  // A lost worker may have registered the model in an earlier attempt.
  if (claim.attempt === 1 && (await isElsewhere(task.air))) throw alreadyExists(task);
  let progress: UploadProgress = { stage: "validated", percentage: 0 };
  const report = (news: Partial<UploadProgress>) => {
    progress = { ...progress, ...news };
    claim.report(progress);
  };
  report({});
  if (task.category === "checkpoint") {
    await pull(task, locations, signal, (percentage) => report({ percentage }));
    report({ stage: "stored", percentage: 100 });
    return;
  }
  const download = { url: task.downloadURL, timeoutMs, silenceMs: SILENCE_MS, maxBytes, signal };
  const source = (take: (piece: Uint8Array) => Promise<void>) => {
    const { counted, onLength } = percentages((percentage) => report({ percentage }));
    return outbound.download({ ...download, onLength }, (piece) => {
      counted(piece.length);
      return take(piece);
    });
  };
  const receipt = { id: claim.salt, attempt: claim.attempt };
  await receiveAdapter(cardOf(task), source, receipt, locations, (reached) => {
    if (reached === "downloaded") report({ stage: reached, percentage: 100 });
    else report({ stage: reached === "checked" ? "optimized" : reached });
  }).catch((error) => {
    throw asTaskError(error, task);
  });
}

const alreadyExists = ({ air }: Pick<ModelUploadTask, "air">) =>
  new TaskError("modelAlreadyExists", { air }, { parameter: "air" });

/** Pulls a checkpoint from the hub. Continues the downloads of earlier attempts. */
async function pull(
  { air, name, downloadURL }: ModelUploadTask,
  locations: ModelLocations,
  signal: AbortSignal,
  onProgress: (percentage: number) => void,
): Promise<void> {
  const { repo, revision } = hubRepository(downloadURL)!;
  const job = { repo, revision, naming: { air, name }, locations };
  await pullCheckpoint(job, signal, onProgress).catch((error: Error) => {
    if (signal.aborted) throw error;
    const parameter = "downloadURL";
    if (error instanceof ModelError && error.reason === "alreadyInstalled") throw alreadyExists({ air });
    if (isDiskError(error)) throw diskUnusable(error);
    throw new TaskError("downloadFailed", { parameter, reason: `${error.message}.` }, { parameter }, { cause: error });
  });
}

/** Reports each whole percentage of a download, if its length is known. */
function percentages(tell: (percentage: number) => void) {
  let [length, received, told] = [0, 0, 0];
  return {
    onLength(bytes: number) {
      [length, received] = [bytes, 0];
    },
    counted(bytes: number) {
      received += bytes;
      const now = length > 0 ? Math.min(99, Math.floor((100 * received) / length)) : 0;
      if (now <= told) return;
      told = now;
      tell(now);
    },
  };
}

function cardOf(task: ModelUploadTask) {
  const {
    air,
    name,
    category,
    tags,
    version,
    positiveTriggerWords,
    heroImageURL,
    defaultWeight,
    conditioning,
    sha256,
  } = task;
  const kind = category === "controlnet" ? ("controlnet" as const) : ("lora" as const);
  const file = new URL(task.downloadURL).pathname.split("/").at(-1)!;
  const given = { version, positiveTriggerWords, heroImageURL, defaultWeight, conditioning, sha256 };
  return {
    kind,
    air,
    name,
    tags,
    comment: task.comment ?? task.shortDescription ?? "",
    ...present(given),
    ...knownDistillation(file),
  };
}

function present<Values extends object>(values: Values) {
  const entries = Object.entries(values).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { [Key in keyof Values]?: Exclude<Values[Key], undefined> };
}

/** Most characters of a message that contains text from a file. */
const LONGEST_REASON = 1_000;

const diskUnusable = (error: unknown) =>
  new TaskError("serviceUnavailable", { reason: "Its disk cannot be used." }, {}, { cause: error });

function asTaskError(error: unknown, { air, downloadURL }: ModelUploadTask): unknown {
  const parameter = "downloadURL";
  const cause = { cause: error };
  if (error instanceof OutboundError)
    return new TaskError("downloadFailed", { parameter, reason: error.message }, { parameter }, cause);
  if (isDiskError(error)) return diskUnusable(error);
  if (!(error instanceof ModelError)) return error;
  if (error.reason === "alreadyInstalled") return alreadyExists({ air });
  const reason = (error.message[0]!.toUpperCase() + error.message.slice(1)).slice(0, LONGEST_REASON);
  return invalidParameter(parameter, downloadURL, `${reason}.`, { type: "string" });
}
