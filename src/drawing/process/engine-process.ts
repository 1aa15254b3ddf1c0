import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { DeviceError, type DeviceName } from "../../engine/index.ts";
import type { GuideFilter, RgbImage } from "../../pictures/index.ts";
import type { DrawHooks, DrawingPlan } from "../finish.ts";
import type { UpscaleFactor } from "../upscaler.ts";
import { EngineDied, followRequest } from "./follow-request.ts";
import type { EngineSetup, EngineWork } from "./messages.ts";

export interface EngineProcessOptions extends EngineSetup {
  /** Whether what native code writes to stderr is dropped. Default: it goes to this process's. */
  readonly quiet?: boolean;
  /** Milliseconds without any report after which the process counts as hung and is killed. Default 10 minutes. */
  readonly stallTimeout?: number;
  /** Milliseconds an aborted request may take to stop before the process is killed. Default 10 s. */
  readonly abortGrace?: number;
  /** The child's program; tests put a misbehaving one here. */
  readonly program?: string;
}

/**
 * An engine in a process of its own, where pictures are drawn and finished: a native crash or an out-of-memory kill costs one request,
 * and the caller stays responsive. Requests run one at a time, in order. A process that died is started again by the next request.
 */
export interface EngineProcess {
  /**
   * Sees to it that the next request finds a device that works: starts the process and opens its device, unless it is open. With the
   * processor there is nothing to do.
   * @throws DeviceError when it cannot be used, EngineDied when the process was lost over it; `device.trouble` then says why
   */
  ready(): Promise<void>;
  /** Where it draws. */
  readonly device: DeviceState;
  /**
   * Draws as `drawFinished` does, with the checkpoint in `folder`, loading it when another one was used before. Pictures are handed to
   * `onImage` one after the other while the next one is drawn; one that it rejects ends the drawing and is the reason.
   * Aborting stops within a step; the promise then rejects with the signal's reason.
   *
   * @throws ParameterError, CheckpointError, PictureRefused as `drawFinished` does
   * @throws EngineDied when the process ended, hung or could not be started; the request may be repeated and gives the same pixels
   */
  draw(folder: string, plan: DrawingPlan, hooks?: DrawHooks & { readonly previews?: boolean }): Promise<void>;
  /**
   * Makes a picture into a guide image; no checkpoint is loaded for it.
   * @throws EngineDied as `draw` does
   */
  makeGuide(picture: RgbImage, filter: GuideFilter, signal?: AbortSignal): Promise<RgbImage>;
  /**
   * Enlarges a picture; steps are its tiles. No checkpoint is loaded for it.
   * @throws ParameterError as `Upscaler` does
   * @throws EngineDied as `draw` does
   */
  upscale(picture: RgbImage, factor: UpscaleFactor, hooks?: Pick<DrawHooks, "onStep" | "signal">): Promise<RgbImage>;
  /** The checkpoint that the process holds or is loading; undefined while it holds none. */
  readonly checkpoint: { readonly folder: string; readonly state: "loading" | "ready" } | undefined;
  /** The running process's id, undefined while there is none. */
  readonly pid: number | undefined;
  /** Ends the process; a request under way rejects with EngineDied. */
  stop(): Promise<void>;
}

/** A device, by the name that was asked for. */
export interface DeviceState {
  readonly name: DeviceName;
  /** How it was opened, in one line; undefined until it is. */
  readonly note?: string;
  /** Why it cannot be used at the moment. */
  readonly trouble?: string;
}

/** A driver that hangs over its first kernels. */
const OPEN_TIMEOUT = 120_000;

const PROGRAM = fileURLToPath(
  new URL(`./engine-child${import.meta.url.endsWith(".ts") ? ".ts" : ".js"}`, import.meta.url),
);

export function createEngineProcess(options: EngineProcessOptions = {}): EngineProcess {
  const { stallTimeout = 600_000, abortGrace = 10_000, program = PROGRAM, quiet = false, ...setup } = options;
  const name = setup.device ?? "cpu";
  let device: DeviceState = name === "cpu" ? { name, note: name } : { name };
  let child: ChildProcess | undefined;
  let checkpoint: EngineProcess["checkpoint"];
  let queue: Promise<unknown> = Promise.resolve();
  let nextId = 1;

  const start = () => {
    const started = fork(program, [JSON.stringify(setup)], {
      serialization: "advanced",
      execArgv: [],
      stdio: ["ignore", "inherit", quiet ? "ignore" : "inherit", "ipc"],
    });
    const ended = () => {
      if (child !== started) return;
      child = undefined;
      checkpoint = undefined;
      if (name !== "cpu") device = { name, trouble: device.trouble ?? "its process ended" };
    };
    return started.once("exit", ended).on("error", ended);
  };

  const stop = async () => {
    // One that could not be started has no id, and a signal to it would go to our own process group.
    const leaving = child;
    if (leaving?.pid === undefined) return;
    child = undefined; // a request that comes now starts another one
    checkpoint = undefined;
    const gone = new Promise((resolve) => leaving.once("exit", resolve));
    leaving.kill("SIGKILL"); // it owns no files and no connections
    await gone;
  };

  /** What a device fails at leaves it in a state that nobody knows: the next request finds a new process. */
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
      const held = work.type === "draw" ? work.checkpoint : undefined;
      if (held !== undefined && held !== checkpoint?.folder) checkpoint = { folder: held, state: "loading" };
      const onLoaded = () => {
        if (held !== undefined) checkpoint = { folder: held, state: "ready" };
      };
      const onOpened = (note: string) => {
        device = { name, note };
      };
      const limits = { stallTimeout: work.type === "open" ? OPEN_TIMEOUT : stallTimeout, abortGrace };
      return followRequest(child, { id: nextId++, ...work }, { ...hooks, onLoaded, onOpened }, limits).catch(failed);
    });
    queue = turn.catch(() => {});
    return turn;
  };

  /** Work that makes one picture. */
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

/** Without what else a decoded file carries. */
const plain = ({ width, height, pixels }: RgbImage): RgbImage => ({ width, height, pixels });
