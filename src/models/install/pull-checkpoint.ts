import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { ModelError, type ModelErrorReason } from "../errors.ts";
import type { ModelLocations } from "../locations.ts";
import type { Naming } from "./model.ts";

/** A checkpoint on the Hugging Face hub, and its target. */
export interface PullJob {
  /** `OWNER/NAME` */
  readonly repo: string;
  readonly revision: string;
  readonly naming: Naming;
  readonly locations: ModelLocations;
}

/** Messages of the process that pulls. */
export type PullReport =
  | { readonly type: "progress"; readonly percentage: number }
  | { readonly type: "done" }
  | {
      readonly type: "failed";
      readonly name: string;
      readonly message: string;
      readonly reason?: string;
      readonly code?: string;
    };

const PROGRAM = fileURLToPath(
  new URL(`../import/pull-child${import.meta.url.endsWith(".ts") ? ".ts" : ".js"}`, import.meta.url),
);

/**
 * Downloads a checkpoint from the hub and registers it, in a separate process. Large ones are converted during the download. A repeated
 * pull continues where it stopped. `HF_ENDPOINT` and `HF_TOKEN` come from the environment.
 * @throws ModelError, or Error with the fault, and its code for a fault of the disk; the signal's reason when it aborts
 */
export async function pullCheckpoint(
  job: PullJob,
  signal: AbortSignal,
  onProgress: (percentage: number) => void,
): Promise<void> {
  signal.throwIfAborted();
  const child = fork(PROGRAM, [JSON.stringify(job)], { execArgv: [] });
  const kill = () => child.kill("SIGKILL"); // the next run writes incomplete files again
  signal.addEventListener("abort", kill, { once: true });
  let end: Exclude<PullReport, { type: "progress" }> | undefined;
  child.on("message", (report: PullReport) => {
    if (report.type === "progress") onProgress(report.percentage);
    else end = report;
  });
  const exit = await new Promise<string>((resolve) => {
    child.once("error", (error) => resolve(`could not be started: ${error.message}`));
    child.once("exit", (code, killed) => resolve(`ended with ${killed ?? `exit code ${code}`}`));
  });
  signal.removeEventListener("abort", kill);
  signal.throwIfAborted();
  if (end === undefined) throw new Error(`the process that pulls ${exit}`);
  if (end.type === "done") return;
  const { name, message, reason, code } = end;
  if (name === "ModelError") throw new ModelError(reason as ModelErrorReason, message);
  throw Object.assign(new Error(message), code !== undefined && { code });
}
