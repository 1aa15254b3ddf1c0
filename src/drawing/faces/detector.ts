import type { RgbImage } from "../../pictures/index.ts";
import { createLazyProcess, programBeside } from "../lazy-process/index.ts";
import type { Look } from "./detector-child.ts";
import { clip, type Face, MAX_FACES } from "./face.ts";

export interface FaceDetectorOptions {
  /** Path of a YOLO face network as ONNX (Ultralytics' export of YOLOv8 and later). Default: the built-in detector. */
  readonly yoloFile?: string;
  /** Milliseconds without a call after which the detector is unloaded. Default one minute. */
  readonly idleMs?: number;
}

/** Finds faces in a process of its own, which starts with the first picture and ends when idle. */
export interface FaceDetector {
  /**
   * The faces with `score ≥ confidence`, surest first, 32 at most, their boxes cut to the picture.
   * @throws ProcessLost when the process ended first; the call may be repeated
   * @throws Error naming the YOLO file when it cannot be used
   * @throws the reason of `signal`
   */
  detect(image: RgbImage, confidence: number, signal?: AbortSignal): Promise<Face[]>;
  /** The process's id while it runs. */
  readonly pid: number | undefined;
  stop(): Promise<void>;
}

export function createFaceDetector({ yoloFile, idleMs }: FaceDetectorOptions = {}): FaceDetector {
  const child = createLazyProcess<Look, Face[]>(programBeside(import.meta.url, "detector-child"), {
    ...(yoloFile !== undefined && { args: [yoloFile] }),
    ...(idleMs !== undefined && { idleMs }),
  });
  return {
    async detect({ width, height, pixels }, confidence, signal) {
      const image = { width, height, pixels };
      const found = await child.call({ image, confidence }, signal);
      return found
        .flatMap(({ box, score }) => {
          const inside = clip(box, image);
          return inside && score >= confidence ? [{ box: inside, score }] : [];
        })
        .sort((a, b) => b.score - a.score)
        .slice(0, MAX_FACES);
    },
    get pid() {
      return child.pid;
    },
    stop: () => child.stop(),
  };
}
