import { freeAll, type SessionOptions } from "../onnx/index.ts";
import type { RgbImage } from "../pictures/index.ts";
import type { SafetyScores } from "../settings/index.ts";
import { type Face, openFaceDetector } from "./faces/index.ts";
import { openSafetyClassifier } from "./safety.ts";
import { openUpscaler, type Upscaler } from "./upscaler.ts";

/** The networks beside the engine. The first image that needs one loads it. They compute on the calling thread. */
export interface FinishingNetworks {
  /** At most 32 faces with `score ≥ confidence`, the best first. Boxes are clipped to the image. */
  findFaces(image: RgbImage, confidence: number): Promise<Face[]>;
  classify(image: RgbImage): Promise<SafetyScores>;
  upscale: Upscaler["upscale"];
  /** Unloads the networks. The next image loads them again. */
  release(): Promise<void>;
}

export interface NetworkOptions extends SessionOptions {
  /** Path of the operator's face network. Default: the built-in one. */
  readonly faceModel?: string;
  /** Milliseconds without use after which a network is unloaded. Default: one minute. */
  readonly idleMs?: number;
}

/** The face and safety networks, loaded on first use. */
export function finishingNetworks({ faceModel, idleMs = 60_000, ...options }: NetworkOptions = {}): FinishingNetworks {
  const detector = loadedInUse(() => openFaceDetector(faceModel, options), idleMs);
  const classifier = loadedInUse(() => openSafetyClassifier(options), idleMs);
  const upscaler = loadedInUse(() => openUpscaler(options), idleMs);
  return {
    findFaces: (image, confidence) => detector.use((network) => network.find(image, confidence)),
    classify: (image) => classifier.use((network) => network.classify(image)),
    upscale: (...given) => upscaler.use((network) => network.upscale(...given)),
    release: () => freeAll([detector.unload, classifier.unload, upscaler.unload]),
  };
}

/** Opens a network on first use, and releases it after `idleMs` without use. */
export function loadedInUse<Network extends { release(): Promise<void> }>(
  open: () => Promise<Network>,
  idleMs: number,
) {
  let opening: Promise<Network> | undefined;
  let users = 0;
  let idle: NodeJS.Timeout | undefined;

  const unload = async (): Promise<void> => {
    clearTimeout(idle);
    const network = await opening;
    opening = undefined;
    await network?.release();
  };

  return {
    async use<T>(work: (network: Network) => Promise<T>): Promise<T> {
      clearTimeout(idle);
      users++;
      try {
        opening ??= open();
        opening.catch(() => {
          opening = undefined; // the next image tries again
        });
        return await work(await opening);
      } finally {
        if (--users === 0) idle = setTimeout(unload, idleMs).unref();
      }
    },
    unload,
  };
}
