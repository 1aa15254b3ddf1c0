import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { CheckpointError, type GeneratedImage, type GenerateParams, ParameterError } from "../../engine/index.ts";
import { endChild, sendTo } from "../lazy-process/index.ts";
import type { EngineFailure, EngineReport, EngineRequest, EngineStep } from "./messages.ts";

export interface EngineHooks {
  onStep?(step: EngineStep): void;
  /** What it returns is awaited before `generate` resolves; a rejection becomes the request's. */
  onImage?(image: GeneratedImage, index: number): void | Promise<void>;
  /** What was done only in part, such as an adapter of which not all layers fit. */
  onWarning?(message: string): void;
  /** Aborting stops within a step; the promise then rejects with the signal's reason. */
  readonly signal?: AbortSignal;
  /** Send a small picture with every step. Default false. */
  readonly previews?: boolean;
}

export interface EngineProcessOptions {
  /** Milliseconds without any report after which the process counts as hung and is killed. Default 10 minutes. */
  readonly stallTimeout?: number;
  /** Milliseconds an aborted request may take to stop before the process is killed. Default 10 s. */
  readonly abortGrace?: number;
  /** Processor threads of the engine. Default: one per core. */
  readonly threads?: number;
  /** The child's program; tests put a misbehaving one here. */
  readonly program?: string;
}

/**
 * An engine in a process of its own: a native crash or an out-of-memory kill costs one request, and the caller stays responsive.
 *
 * The worker does not call it directly: `drawingFromTask` and `draw` of src/drawing turn a task into engine runs (pixel budget,
 * seed image, masks) and take `{ generate: (params, hooks) => engine.generate(folder, params, hooks) }` as their engine.
 */
export interface EngineProcess {
  /**
   * Draws as `Pipeline.generate` does, with the checkpoint in `folder`, loading it when another one was used before.
   * Requests run one at a time, in order. A process that died is started again by the next request.
   *
   * @throws ParameterError, CheckpointError as the engine does
   * @throws EngineDied when the process ended, hung or could not be started; the request may be repeated and gives the same pixels
   */
  generate(folder: string, params: GenerateParams, hooks?: EngineHooks): Promise<GeneratedImage[]>;
  /** The running process's id, undefined while there is none. */
  readonly pid: number | undefined;
  /** Ends the process; a request under way rejects with EngineDied. */
  stop(): Promise<void>;
}

/** The engine process ended before its request did. */
export class EngineDied extends Error {
  override readonly name = "EngineDied";
}

const PROGRAM = fileURLToPath(
  new URL(`./engine-child${import.meta.url.endsWith(".ts") ? ".ts" : ".js"}`, import.meta.url),
);

export function createEngineProcess(options: EngineProcessOptions = {}): EngineProcess {
  const { stallTimeout = 600_000, abortGrace = 10_000, threads, program = PROGRAM } = options;
  let child: ChildProcess | undefined;
  let queue: Promise<unknown> = Promise.resolve();
  let nextId = 1;

  const start = () => {
    const started = fork(program, threads === undefined ? [] : [`${threads}`], {
      serialization: "advanced",
      execArgv: [],
    });
    const ended = () => {
      if (child === started) child = undefined;
    };
    return started.once("exit", ended).on("error", ended);
  };

  return {
    generate(folder, params, hooks = {}) {
      const turn = queue.then(() => {
        hooks.signal?.throwIfAborted();
        child ??= start();
        const request = {
          type: "generate",
          id: nextId++,
          checkpoint: folder,
          params,
          previews: hooks.previews ?? false,
        } as const;
        return runRequest(child, request, hooks, { stallTimeout, abortGrace });
      });
      queue = turn.catch(() => {});
      return turn;
    },
    get pid() {
      return child?.pid;
    },
    async stop() {
      if (child) await endChild(child);
    },
  };
}

/** Sends one request and follows its reports to the end. */
function runRequest(
  child: ChildProcess,
  request: Extract<EngineRequest, { type: "generate" }>,
  hooks: EngineHooks,
  limits: { stallTimeout: number; abortGrace: number },
): Promise<GeneratedImage[]> {
  const images: GeneratedImage[] = [];
  const handled: Promise<void>[] = [];
  let killedBecause: string | undefined;
  let timer: NodeJS.Timeout | undefined;
  const killAfter = (ms: number, reason: string) => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      killedBecause = reason;
      child.kill("SIGKILL");
    }, ms);
  };

  return new Promise<GeneratedImage[]>((resolve, reject) => {
    const settle = (finish: () => void) => {
      clearTimeout(timer);
      child.off("message", onReport).off("exit", onExit).off("error", onError);
      hooks.signal?.removeEventListener("abort", onAbort);
      finish();
    };
    const lost = (how: string) =>
      settle(() => reject(hooks.signal?.aborted ? hooks.signal.reason : new EngineDied(`the engine process ${how}`)));
    const onExit = (code: number | null, signal: string | null) =>
      lost(killedBecause ?? `ended with ${signal ?? `exit code ${code}`}`);
    const onError = (error: Error) => lost(`could not be started: ${error.message}`);
    const onAbort = () => {
      sendTo(child, { type: "abort", id: request.id } satisfies EngineRequest);
      killAfter(limits.abortGrace, `did not stop within ${limits.abortGrace} ms and was killed`);
    };
    const onReport = (report: EngineReport) => {
      if (report.id !== request.id) return;
      if (!hooks.signal?.aborted)
        killAfter(limits.stallTimeout, `was silent for ${limits.stallTimeout} ms and was killed`);
      if (report.type === "step") hooks.onStep?.(report);
      else if (report.type === "warning") hooks.onWarning?.(report.message);
      else if (report.type === "image") {
        images[report.index] = report.image;
        handled.push(handle(() => hooks.onImage?.(report.image, report.index)));
      } else if (report.type === "done") settle(() => Promise.all(handled).then(() => resolve(images), reject));
      else if (report.type === "aborted") settle(() => reject(hooks.signal?.reason));
      else if (report.type === "failed") settle(() => reject(restoreError(report.error)));
    };
    child.on("message", onReport).on("exit", onExit).on("error", onError);
    hooks.signal?.addEventListener("abort", onAbort, { once: true });
    killAfter(limits.stallTimeout, `was silent for ${limits.stallTimeout} ms and was killed`);
    sendTo(child, request);
  });
}

/** A hook's outcome as a promise, also when it throws at once. */
async function handle(hook: () => void | Promise<void>): Promise<void> {
  await hook();
}

function restoreError({ name, message, parameter }: EngineFailure): Error {
  if (name === "ParameterError") return new ParameterError(parameter ?? "", message);
  if (name === "CheckpointError") return new CheckpointError(message);
  return Object.assign(new Error(message), { name });
}
