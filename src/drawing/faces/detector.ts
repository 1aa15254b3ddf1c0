import { statSync } from "node:fs";
import type { SessionOptions } from "../../onnx/index.ts";
import { clip, type FaceNetwork, MAX_FACES } from "./face.ts";
import { openSsd } from "./ssd.ts";
import { openYolo } from "./yolo/open.ts";

/**
 * Opens a face detector. It finds the faces with `score ≥ confidence`, surest first, 32 at most, their boxes cut to the picture.
 * @param yoloFile path of a YOLO face network as ONNX (Ultralytics' export of YOLOv8 and later); default: the built-in network
 * @throws Error naming the file when it cannot be used
 */
export async function openFaceDetector(yoloFile?: string, options: SessionOptions = {}): Promise<FaceNetwork> {
  const network = await (yoloFile === undefined ? openSsd(options) : openYolo(yoloFile, options));
  return {
    async find(image, confidence) {
      const found = await network.find(image, confidence);
      return found
        .flatMap(({ box, score }) => {
          const inside = clip(box, image);
          return inside && score >= confidence ? [{ box: inside, score }] : [];
        })
        .sort((a, b) => b.score - a.score)
        .slice(0, MAX_FACES);
    },
    release: () => network.release(),
  };
}

/** @throws Error naming the setting when the operator's face network is not there */
export function requireFaceModel(file: string | undefined): void {
  if (file !== undefined && !statSync(file, { throwIfNoEntry: false })?.isFile()) {
    throw new Error(`INKSTONE_FACE_MODEL is ${JSON.stringify(file)}; there is no such file`);
  }
}
