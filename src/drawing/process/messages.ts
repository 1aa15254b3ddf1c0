import type { GeneratedImage, GenerateParams } from "../../engine/index.ts";
import type { RgbImage } from "../../pictures/index.ts";

/** What the parent asks of the engine process. One request is under way at a time. */
export type EngineRequest =
  | { type: "generate"; id: number; checkpoint: string; params: GenerateParams; previews: boolean }
  | { type: "abort"; id: number };

/** What the engine process reports. Every request ends with exactly one `done`, `aborted` or `failed`, or with the process. */
export type EngineReport =
  | { type: "loaded"; id: number }
  | ({ type: "step"; id: number } & EngineStep)
  | { type: "image"; id: number; index: number; image: GeneratedImage }
  | { type: "warning"; id: number; message: string }
  | { type: "done"; id: number }
  | { type: "aborted"; id: number }
  | { type: "failed"; id: number; error: EngineFailure };

export interface EngineStep {
  /** Index of the picture within the request, from 0. */
  readonly image: number;
  /** Steps finished, 1…steps. */
  readonly step: number;
  readonly steps: number;
  /** Noise level reached, 0…1. */
  readonly sigma: number;
  /** Present when previews were asked for. */
  readonly preview?: RgbImage;
}

/** An error of the engine, as data: its class is restored on the other side. */
export interface EngineFailure {
  readonly name: string;
  readonly message: string;
  readonly parameter?: string;
}
