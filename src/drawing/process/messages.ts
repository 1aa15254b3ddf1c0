import type { DeviceName, DrawingStage, GeneratedImage } from "../../engine/index.ts";
import type { GuideFilter, RgbImage } from "../../pictures/index.ts";
import type { DrawingPlan } from "../finish.ts";
import type { PictureProgress } from "../progress.ts";
import type { Findings } from "../stages.ts";
import type { UpscaleFactor } from "../upscaler.ts";

/** How an engine process is set up: its only argument, as JSON. */
export interface EngineSetup {
  /** Processor threads. Default: one per core. */
  readonly threads?: number;
  /** Where networks run. Default: the processor. */
  readonly device?: DeviceName;
  /** Bytes of a GPU's memory that it may take. Default: what is free, where the device says so. */
  readonly deviceMemory?: number;
  /** Path of the operator's own face network. */
  readonly faceModel?: string;
  /** Milliseconds without use after which the safety and face networks are unloaded. */
  readonly idleMs?: number;
}

/** Work for the engine process. */
export type EngineWork =
  /** Open the device and try it. */
  | { type: "open" }
  /** Draw and finish pictures with the checkpoint in a folder; small pictures of each step when `previews` is true. */
  | { type: "draw"; checkpoint: string; plan: DrawingPlan; previews: boolean }
  /** Make a picture into a guide image. */
  | { type: "guide"; picture: RgbImage; filter: GuideFilter }
  /** Enlarge a picture; steps are its tiles. */
  | { type: "upscale"; picture: RgbImage; factor: UpscaleFactor };

/** What the parent asks. One piece of work is under way at a time. */
export type EngineRequest = ({ id: number } & EngineWork) | { type: "abort"; id: number };

/** What the engine process reports. Every piece of work ends with exactly one `done`, `aborted` or `failed`, or with the process. */
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

/** Guides and enlarged pictures have no seed. */
export type FinishedImage = RgbImage & Partial<GeneratedImage>;

/** An error as data: its class is restored on the other side. */
export interface EngineFailure {
  readonly name: string;
  readonly message: string;
  /** Of a ParameterError. */
  readonly parameter?: string;
  /** Of a PictureRefused. */
  readonly index?: number;
}
