import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { Device } from "./device.ts";

const run = promisify(execFile);

/** Bytes that are free on a GPU, by its own tool; undefined where there is none to ask: WebGPU does not tell. */
export async function freeDeviceMemory({ provider, index = 0 }: Device): Promise<number | undefined> {
  if (provider !== "cuda") return undefined;
  const query = ["--query-gpu=memory.free", "--format=csv,noheader,nounits", `--id=${index}`];
  const told = await run("nvidia-smi", query, { timeout: 10_000 }).catch(() => undefined);
  const mebibytes = Number(told?.stdout.trim() || Number.NaN);
  return Number.isFinite(mebibytes) ? mebibytes * 2 ** 20 : undefined;
}
