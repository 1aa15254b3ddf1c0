import type { DeviceName, DrawingStage, GeneratedImage, Precision } from "../../engine/index.ts";
import type { GuideFilter, RgbImage } from "../../pictures/index.ts";
import type { DrawingPlan } from "../finish.ts";
import type { PictureProgress } from "../progress.ts";
import type { Findings } from "../stages.ts";
import type { UpscaleFactor } from "../upscaler.ts";

/** Setup of an engine process: its only argument, as JSON. */
export interface EngineSetup {
  /** Processor threads. Default: one per core. */
  readonly threads?: number;
  /** Device that runs the networks. Default: the processor. */
  readonly device?: DeviceName;
  /** Numbers that a GPU multiplies. Default: `float32`. */
  readonly precision?: Precision;
  /** Bytes of GPU memory to use. Default: the free memory, if the device reports it. */
  readonly deviceMemory?: number;
  /** Path of the operator's face network. */
  readonly faceModel?: string;
  /** Milliseconds without use after which the safety and face networks are unloaded. */
  readonly idleMs?: number;
}

/** Work for the engine process. */
export type EngineWork =
  /** Open and test the device. */
  | { type: "open" }
  /** Generate and finish images with the checkpoint in a folder. `previews` adds a small image to each step. */
  | { type: "draw"; checkpoint: string; plan: DrawingPlan; previews: boolean }
  /** Load the checkpoint in a folder. */
  | { type: "load"; checkpoint: string }
  /** Make a guide image. */
  | { type: "guide"; picture: RgbImage; filter: GuideFilter }
  /** Enlarge an image. Its tiles are reported as steps. */
  | { type: "upscale"; picture: RgbImage; factor: UpscaleFactor };

/** Messages of the parent. One piece of work runs at a time. */
export type EngineRequest = ({ id: number } & EngineWork) | { type: "abort"; id: number };

/** Messages of the engine process. Each piece of work ends with one `done`, `aborted` or `failed`, or with the process. */
export type EngineReport =
  | { type: "opened"; id: number; note: string }
  | { type: "loaded"; id: number }
  | { type: "stage"; id: number; stage: DrawingStage }
  | ({ type: "step"; id: number; preview?: RgbImage } & Omit<PictureProgress, "preview">)
  | { type: "image"; id: number; index: number; image: FinishedImage; findings: Findings }
  | { type: "warning"; id: number; message: string }
  | { type: "done"; id: number }
  | { type: "aborted"; id: number }
  | { type: "failed"; id: number; error: EngineFailure };

/** Guide images and enlarged images have no seed. */
export type FinishedImage = RgbImage & Partial<GeneratedImage>;

/** An error as data. The receiver restores its class. */
export interface EngineFailure {
  readonly name: string;
  readonly message: string;
  /** Of a ParameterError. */
  readonly parameter?: string;
  /** Of a PictureRefused. */
  readonly index?: number;
}
