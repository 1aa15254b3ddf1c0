import type { ChildProcess } from "node:child_process";
import { CheckpointError, DeviceError, type GeneratedImage, ParameterError } from "../../engine/index.ts";
import type { DrawHooks } from "../finish.ts";
import { PictureRefused } from "../safety.ts";
import type { EngineFailure, EngineReport, EngineRequest } from "./messages.ts";

/** The engine process ended before its request did. */
export class EngineDied extends Error {
  override readonly name = "EngineDied";
}

/** Time limits of a request. */
export interface RequestLimits {
  /** Milliseconds without any report after which the process counts as hung and is killed. */
  readonly stallTimeout: number;
  /** Milliseconds that an aborted request may take to stop before the process is killed. */
  readonly abortGrace: number;
}

/** Sends one request to an engine process and follows its reports to the end. By then every image has been handled. */
export async function followRequest(
  child: ChildProcess,
  request: Exclude<EngineRequest, { type: "abort" }>,
  hooks: DrawHooks & { readonly onLoaded?: () => void; readonly onOpened?: (note: string) => void },
  limits: RequestLimits,
): Promise<void> {
  const dealing = inOrder();
  const signal = AbortSignal.any([dealing.failed, ...(hooks.signal ? [hooks.signal] : [])]);
  const onReport = (report: EngineReport): void => {
    if (report.type === "step") {
      const { preview, image, step, steps, share } = report;
      void hooks.onStep?.({ image, step, steps, share, preview: preview && (async () => preview) });
    } else if (report.type === "loaded") hooks.onLoaded?.();
    else if (report.type === "stage") hooks.onStage?.(report.stage);
    else if (report.type === "opened") hooks.onOpened?.(report.note);
    else if (report.type === "warning") hooks.onWarning?.(report.message);
    else if (report.type === "image") {
      const { image, index, findings } = report;
      dealing.add(async () => hooks.onImage?.(image as GeneratedImage, index, findings));
    }
  };
  try {
    await untilEnd(child, request, onReport, signal, limits);
  } catch (error) {
    await dealing.done(); // an error while handling an image came first; it counts, whatever the engine reports
    throw error;
  }
  await dealing.done();
}

/** Sends a request, passes its reports on, and rejects with the reason when it fails. */
function untilEnd(
  child: ChildProcess,
  request: Exclude<EngineRequest, { type: "abort" }>,
  onReport: (report: EngineReport) => void,
  signal: AbortSignal,
  { stallTimeout, abortGrace }: RequestLimits,
): Promise<void> {
  let killedBecause: string | undefined;
  let timer: NodeJS.Timeout | undefined;
  const killAfter = (ms: number, reason: string) => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      killedBecause = reason;
      child.kill("SIGKILL");
    }, ms);
  };
  const awaitReport = () => killAfter(stallTimeout, `was silent for ${stallTimeout} ms and was killed`);

  return new Promise<void>((resolve, reject) => {
    const settle = (finish: () => void) => {
      clearTimeout(timer);
      child.off("message", onMessage).off("exit", onExit).off("error", onError);
      signal.removeEventListener("abort", onAbort);
      finish();
    };
    const lost = (how: string) =>
      settle(() => reject(signal.aborted ? signal.reason : new EngineDied(`the engine process ${how}`)));
    const onExit = (code: number | null, killed: string | null) =>
      lost(killedBecause ?? `ended with ${killed ?? `exit code ${code}`}`);
    const onError = (error: Error) => lost(`could not be started: ${error.message}`);
    const onAbort = () => {
      send(child, { type: "abort", id: request.id });
      killAfter(abortGrace, `did not stop within ${abortGrace} ms and was killed`);
    };
    const onMessage = (report: EngineReport) => {
      if (report.id !== request.id) return;
      if (!signal.aborted) awaitReport();
      if (report.type === "done") settle(resolve);
      else if (report.type === "aborted") settle(() => reject(signal.reason));
      else if (report.type === "failed") settle(() => reject(restoreError(report.error)));
      else onReport(report);
    };
    child.on("message", onMessage).on("exit", onExit).on("error", onError);
    signal.addEventListener("abort", onAbort, { once: true });
    awaitReport();
    send(child, request);
  });
}

/** The exit or error event reports a process that ended or did not start. */
function send(child: ChildProcess, message: EngineRequest): void {
  if (child.connected) child.send(message, () => {});
}

/** Runs work in the order it was added. The first error stops it, aborts `failed`, and rejects `done`. */
function inOrder() {
  const failing = new AbortController();
  let chain: Promise<unknown> = Promise.resolve();
  return {
    add(work: () => Promise<unknown>): void {
      chain = chain.then(work);
      chain.catch((error) => failing.abort(error));
    },
    failed: failing.signal,
    done: () => chain,
  };
}

function restoreError({ name, message, parameter, index }: EngineFailure): Error {
  if (name === "ParameterError") return new ParameterError(parameter ?? "", message);
  if (name === "DeviceError") return new DeviceError(message);
  if (name === "CheckpointError") return new CheckpointError(message);
  if (name === "PictureRefused") return new PictureRefused(index ?? 0);
  return Object.assign(new Error(message), { name });
}
