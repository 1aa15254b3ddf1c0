import { Command } from "commander";
import { bucketLocation, openBucket } from "../buckets/index.ts";
import { listAdapters, listModels, ModelError, modelLocations } from "../models/index.ts";
import { shareModel, unshareModel } from "../models/shared/index.ts";
import { byteProgress } from "./byte-progress.ts";
import { UsageError } from "./exit.ts";
import { BUCKET, settingsFrom, withSettings } from "./setting-flags.ts";
import { print, type Terminal } from "./terminal.ts";

/** `inkstone models share`: copies an installed model into the bucket from which servers download models. */
export function shareCommand(terminal: Terminal): Command {
  const command = new Command("share")
    .description("Copy an installed model into a bucket. Servers with INKSTONE_MODELS_STORE use it from there.")
    .argument("<air>", "Identifier of the model.");
  return withSettings(command, ...STORE).action(async (air: string, flags: object) => {
    const model = await installed(air, terminal);
    const { bucket, place } = await store(flags, terminal);
    const progress = byteProgress(terminal);
    const { manifest, sent } = await shareModel(model, bucket, {
      signal: terminal.signal,
      onProgress: ({ what, done, total }) => progress.at(what, done, total),
    }).finally(() => progress.end());
    print(terminal, `shared ${air}: ${manifest.files.length} files, ${(sent / 1e6).toFixed(1)} MB sent to ${place}`);
  });
}

/** `inkstone models unshare`: removes a model from the bucket. */
export function unshareCommand(terminal: Terminal): Command {
  const command = new Command("unshare")
    .description(
      "Remove a model from the bucket, with the files that no other model there uses. Servers unregister it.",
    )
    .argument("<air>", "Identifier of the model.");
  return withSettings(command, ...STORE).action(async (air: string, flags: object) => {
    const { bucket, place } = await store(flags, terminal);
    if (!(await unshareModel(air.replace(":", "+"), bucket))) {
      throw new UsageError(`<air> is "${air}"; ${place} has no such model`);
    }
    print(terminal, `removed ${air} from ${place}`);
  });
}

const STORE = ["modelsStore", ...BUCKET] as const;

async function store(flags: object, terminal: Terminal) {
  const settings = settingsFrom({ ...flags }, STORE, terminal.env);
  const place = settings.modelsStore;
  if (place === undefined) throw new UsageError("--models-store is missing: s3://BUCKET/PREFIX");
  return { place, bucket: await openBucket(bucketLocation(place, settings)) };
}

async function installed(air: string, terminal: Terminal) {
  const locations = modelLocations(terminal.env);
  const all = [...(await listModels(locations)), ...(await listAdapters(locations))];
  const found = all.find(({ card }) => card.air === air);
  if (found) return found;
  const known = all.filter(({ origin }) => origin === "installed").map(({ card }) => card.air);
  throw new ModelError("unknownModel", `model is "${air}"; installed models: ${known.join(", ") || "none"}`);
}
