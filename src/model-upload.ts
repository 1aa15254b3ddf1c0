import type { ModelUploads } from "./http/index.ts";
import { ModelError, type ModelLocations, receiveLora } from "./models/index.ts";
import { type Outbound, OutboundError } from "./net/index.ts";
import { invalidParameter, type ModelUploadTask, TaskError } from "./protocol/index.ts";

export interface UploadLimits {
  /** Of the file; 0 takes none at all. */
  readonly maxBytes: number;
  readonly timeoutMs: number;
}

/** Fetches models that clients upload by URL. `registered` is called before a model is reported ready. */
export function openModelUploads(
  locations: ModelLocations,
  outbound: Outbound,
  { maxBytes, timeoutMs }: UploadLimits,
  registered: () => void,
): ModelUploads {
  return {
    async receive(task, told, signal) {
      if (maxBytes === 0)
        throw new TaskError("permissionDenied", {
          reason: "This server takes no models (INKSTONE_MAX_MODEL_MB is 0).",
        });
      const { air, name, version, tags, positiveTriggerWords, heroImageURL, defaultWeight, sha256 } = task;
      const given = { version, positiveTriggerWords, heroImageURL, defaultWeight, sha256 };
      const card = { air, name, tags, comment: task.comment ?? task.shortDescription ?? "", ...present(given) };
      const download = { url: task.downloadURL, timeoutMs, maxBytes, signal };
      told("validated");
      await receiveLora(
        card,
        (take) => outbound.download(download, take),
        locations,
        (stage) => told(stage === "checked" ? "optimized" : stage),
      ).catch((error) => {
        throw asTaskError(error, task);
      });
      registered();
      told("ready");
    },
  };
}

function asTaskError(error: unknown, { air, downloadURL }: ModelUploadTask): unknown {
  const parameter = "downloadURL";
  if (error instanceof OutboundError) {
    return new TaskError("downloadFailed", { parameter, reason: error.message }, { parameter }, { cause: error });
  }
  if (!(error instanceof ModelError)) return error;
  if (error.reason === "alreadyInstalled") return new TaskError("modelAlreadyExists", { air }, { parameter: "air" });
  const reason = error.message[0]!.toUpperCase() + error.message.slice(1);
  return invalidParameter(parameter, downloadURL, `${reason}.`, { type: "string" });
}

function present<Values extends object>(values: Values) {
  const entries = Object.entries(values).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { [Key in keyof Values]?: Exclude<Values[Key], undefined> };
}
