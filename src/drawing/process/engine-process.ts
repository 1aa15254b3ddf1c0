import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { DeviceError, type DeviceName } from "../../engine/index.ts";
import type { GuideFilter, RgbImage } from "../../pictures/index.ts";
import type { DrawHooks, DrawingPlan } from "../finish.ts";
import type { UpscaleFactor } from "../upscaler.ts";
import { EngineDied, followRequest } from "./follow-request.ts";
import type { EngineSetup, EngineWork } from "./messages.ts";

export interface EngineProcessOptions extends EngineSetup {
  /** True drops the text that native code writes to stderr. Default: it goes to stderr of this process. */
  readonly quiet?: boolean;
  /** Milliseconds without any report after which the process counts as hung and is killed. Default: 10 minutes. */
  readonly stallTimeout?: number;
  /** Milliseconds that an aborted request may take to stop before the process is killed. Default: 10 s. */
  readonly abortGrace?: number;
  /** Called when `checkpoint` has changed. */
  readonly onCheckpoint?: () => void;
  /** Program of the child process. Tests replace it with one that misbehaves. */
  readonly program?: string;
}

/**
 * An engine in a separate process. A native crash or an out-of-memory kill costs one request, and the caller stays responsive.
 * Requests run one at a time, in order. After a process died, the next request starts another one.
 */
export interface EngineProcess {
  /**
   * Makes sure that the next request finds a working device: starts the process and opens the device, if it is not open. On the
   * processor it does nothing.
   * @throws DeviceError when the device cannot be used, EngineDied when the process ended while opening it. `device.trouble` then has the reason
   */
  ready(): Promise<void>;
  /** The device that computes. */
  readonly device: DeviceState;
  /**
   * Runs `drawFinished` with the checkpoint in `folder`; loads it if another one was in use. `onImage` gets one image while the next
   * one is generated. If it rejects, the request ends with that reason.
   * Aborting stops within one step; the promise then rejects with the reason of the signal.
   *
   * @throws ParameterError, CheckpointError, PictureRefused as `drawFinished` does
   * @throws EngineDied when the process ended, hung or did not start. A repeated request gives the same pixels
   */
  draw(folder: string, plan: DrawingPlan, hooks?: DrawHooks & { readonly previews?: boolean }): Promise<void>;
  /**
   * Loads the checkpoint in `folder`, so that `draw` finds it ready.
   * @throws CheckpointError, EngineDied as `draw` does
   */
  load(folder: string): Promise<void>;
  /**
   * Makes a guide image. It needs no checkpoint.
   * @throws EngineDied as `draw` does
   */
  makeGuide(picture: RgbImage, filter: GuideFilter, signal?: AbortSignal): Promise<RgbImage>;
  /**
   * Enlarges an image. Its tiles are reported as steps. It needs no checkpoint.
   * @throws ParameterError as `Upscaler` does
   * @throws EngineDied as `draw` does
   */
  upscale(picture: RgbImage, factor: UpscaleFactor, hooks?: Pick<DrawHooks, "onStep" | "signal">): Promise<RgbImage>;
  /** The checkpoint that the process holds or loads; undefined when it holds none. */
  readonly checkpoint: { readonly folder: string; readonly state: "loading" | "ready" } | undefined;
  /** Id of the running process; undefined when none runs. */
  readonly pid: number | undefined;
  /** Ends the process. A running request rejects with EngineDied. */
  stop(): Promise<void>;
}

/** A device, by its requested name. */
export interface DeviceState {
  readonly name: DeviceName;
  /** How it was opened, in one line; undefined before that. */
  readonly note?: string;
  /** Why it cannot be used at the moment. */
  readonly trouble?: string;
}

/** Milliseconds to open a device: a driver may hang at its first kernels. */
const OPEN_TIMEOUT = 120_000;

const PROGRAM = fileURLToPath(
  new URL(`./engine-child${import.meta.url.endsWith(".ts") ? ".ts" : ".js"}`, import.meta.url),
);

/** Makes an engine process. The process starts with the first request, or with `ready`. */
export function createEngineProcess(options: EngineProcessOptions = {}): EngineProcess {
  const {
    stallTimeout = 600_000,
    abortGrace = 10_000,
    program = PROGRAM,
    quiet = false,
    onCheckpoint,
    ...setup
  } = options;
  const name = setup.device ?? "cpu";
  let device: DeviceState = name === "cpu" ? { name, note: name } : { name };
  let child: ChildProcess | undefined;
  let checkpoint: EngineProcess["checkpoint"];
  let queue: Promise<unknown> = Promise.resolve();
  let nextId = 1;

  const hold = (next: EngineProcess["checkpoint"]) => {
    if (next?.folder === checkpoint?.folder && next?.state === checkpoint?.state) return;
    checkpoint = next;
    onCheckpoint?.();
  };

  const start = () => {
    const started = fork(program, [JSON.stringify(setup)], {
      serialization: "advanced",
      execArgv: [],
      stdio: ["ignore", "inherit", quiet ? "ignore" : "inherit", "ipc"],
    });
    const ended = () => {
      if (child !== started) return;
      child = undefined;
      hold(undefined);
      if (name !== "cpu") device = { name, trouble: device.trouble ?? "its process ended" };
    };
    return started.once("exit", ended).on("error", ended);
  };

  const stop = async () => {
    // A process that did not start has no id, and the signal would reach this process group.
    const leaving = child;
    if (leaving?.pid === undefined) return;
    child = undefined; // a request that arrives now starts another one
    hold(undefined);
    const gone = new Promise((resolve) => leaving.once("exit", resolve));
    leaving.kill("SIGKILL"); // it holds no files and no connections
    await gone;
  };

  /** After an error the state of a device is unknown, so the next request starts a new process. */
  const failed = async (error: Error): Promise<never> => {
    if (name !== "cpu" && (error instanceof DeviceError || error instanceof EngineDied)) {
      device = { name, trouble: error.message };
      await stop();
    }
    throw error;
  };

  const request = (work: EngineWork, hooks: DrawHooks): Promise<void> => {
    const turn = queue.then(() => {
      hooks.signal?.throwIfAborted();
      child ??= start();
      const held = work.type === "draw" || work.type === "load" ? work.checkpoint : undefined;
      if (held !== undefined && held !== checkpoint?.folder) hold({ folder: held, state: "loading" });
      const onLoaded = () => {
        if (held !== undefined) hold({ folder: held, state: "ready" });
      };
      const onOpened = (note: string) => {
        device = { name, note };
      };
      const limits = { stallTimeout: work.type === "open" ? OPEN_TIMEOUT : stallTimeout, abortGrace };
      const done = followRequest(child, { id: nextId++, ...work }, { ...hooks, onLoaded, onOpened }, limits);
      return done.catch((error) => {
        if (held !== undefined && checkpoint?.state === "loading") hold(undefined);
        return failed(error);
      });
    });
    queue = turn.catch(() => {});
    return turn;
  };

  /** Runs work that makes one image. */
  const made = async (work: EngineWork, hooks: DrawHooks): Promise<RgbImage> => {
    let picture: RgbImage | undefined;
    await request(work, {
      ...hooks,
      onImage(image) {
        picture = image;
      },
    });
    return picture!;
  };

  return {
    async ready() {
      if (name !== "cpu" && (child === undefined || device.note === undefined)) await request({ type: "open" }, {});
    },
    get device() {
      return device;
    },
    draw: (checkpoint, plan, { previews = false, ...hooks } = {}) =>
      request({ type: "draw", checkpoint, plan, previews }, hooks),
    load: (checkpoint) => request({ type: "load", checkpoint }, {}),
    makeGuide: (picture, filter, signal) => made({ type: "guide", picture: plain(picture), filter }, { signal }),
    upscale: (picture, factor, hooks = {}) => made({ type: "upscale", picture: plain(picture), factor }, hooks),
    get checkpoint() {
      return checkpoint;
    },
    get pid() {
      return child?.pid;
    },
    stop,
  };
}

/** Removes the other properties of a decoded file. */
const plain = ({ width, height, pixels }: RgbImage): RgbImage => ({ width, height, pixels });
