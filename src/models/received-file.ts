import { writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { controlNetFromTensors, parseKey } from "../engine/index.ts";
import { readSafetensorsHeader } from "../weights/index.ts";
import type { AdapterKind } from "./adapter-card.ts";
import { ModelError } from "./errors.ts";
import { requireAdapter } from "./install-adapter.ts";

/** How an adapter that came as one file lies in its folder of the models directory. */
interface Layout {
  /** The adapter, as its card names it. */
  readonly path: string;
  /** Its one file. */
  readonly file: string;
}

export const LAYOUTS: Readonly<Record<AdapterKind, Layout>> = {
  lora: { path: "weights.safetensors", file: "weights.safetensors" },
  // Below its card, so that `models remove` does not take weights for a mere registration.
  controlnet: { path: "controlnet", file: "controlnet/diffusion_pytorch_model.safetensors" },
};

/**
 * Checks a file that was received, and makes of it what `inkstone models add` takes: a ControlNet gets the `config.json` that its
 * tensors imply.
 * @param folder laid out as `LAYOUTS` says
 * @throws ModelError `damagedFile`
 */
export async function completeReceived(kind: AdapterKind, folder: string): Promise<void> {
  const file = join(folder, LAYOUTS[kind].file);
  const { tensors } = await readSafetensorsHeader(file).catch((cause: Error) => {
    throw new ModelError("damagedFile", `it is no safetensors file: ${nameless(cause.message, file)}`, { cause });
  });
  if (kind === "lora") requireLora([...tensors.keys()]);
  else await completeControlNet(dirname(file));
  await requireAdapter(kind, join(folder, LAYOUTS[kind].path));
}

function requireLora(keys: readonly string[]): void {
  if (keys.some((key) => parseKey(key) !== undefined)) return;
  throw new ModelError("damagedFile", `none of its keys is a LoRA's: ${keys.slice(0, 5).join(", ") || "none"}`);
}

async function completeControlNet(folder: string): Promise<void> {
  const config = await controlNetFromTensors(folder).catch((cause: Error) => {
    throw new ModelError("damagedFile", `it is no QwenImageControlNetModel: ${nameless(cause.message, folder)}`, {
      cause,
    });
  });
  await writeFile(join(folder, "config.json"), `${JSON.stringify(config, undefined, 2)}\n`);
}

/** Where files lie on the server is no caller's business. */
const nameless = (message: string, path: string): string =>
  message.replaceAll(`${path}: `, "").replaceAll(path, "the file");
