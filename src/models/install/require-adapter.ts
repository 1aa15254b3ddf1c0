import { access, open } from "node:fs/promises";
import { join } from "node:path";
import { checkControlNet, parseKey, unknownKind } from "../../engine/index.ts";
import { foreignFile, readSafetensorsHeader } from "../../weights/index.ts";
import type { AdapterKind } from "../adapter-card.ts";
import { ModelError } from "../errors.ts";

/**
 * Checks a LoRA file or a ControlNet folder as generating does, except for what depends on the checkpoint. It reads only headers.
 * @throws ModelError `notAnAdapter` naming the content of the file, or its fault
 */
export async function requireAdapter(kind: AdapterKind, path: string): Promise<void> {
  const needed = kind === "lora" ? path : join(path, "config.json");
  const isThere = await access(needed).then(
    () => kind === "controlnet" || path.endsWith(".safetensors"),
    () => false,
  );
  if (!isThere) {
    const what = kind === "lora" ? "a safetensors file" : "a folder in diffusers layout with a config.json";
    throw new ModelError("notAnAdapter", `${path} is not a ${kind}. Name ${what}`);
  }
  try {
    if (kind === "controlnet") return await checkControlNet(path);
    requireLora([...(await readSafetensorsHeader(path)).tensors.keys()]);
  } catch (cause) {
    const foreign = kind === "lora" ? foreignFile(await beginningOf(path)) : undefined;
    const why = foreign === undefined ? (cause as Error).message.replaceAll(`${path}: `, "") : `it is ${foreign}`;
    throw new ModelError("notAnAdapter", `${path} is not a ${kind}: ${why}`, { cause });
  }
}

/** @throws ModelError `damagedFile` when no key of a file belongs to a LoRA */
export function requireLora(keys: readonly string[]): void {
  if (keys.some((key) => parseKey(key) !== undefined)) return;
  const kind = keys.map(unknownKind).find((name) => name !== undefined);
  const reason = kind && ` (${kind} is not supported)`;
  const some = keys.slice(0, 5).map(brief).join(", ") || "none";
  throw new ModelError("damagedFile", `none of its keys belongs to a LoRA${reason ?? ""}: ${some}`);
}

/** Shortens names, which may be megabytes long. */
const brief = (name: string): string => (name.length <= 100 ? name : `${name.slice(0, 100)}…`);

async function beginningOf(path: string): Promise<Uint8Array> {
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(512), 0, 512, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}
