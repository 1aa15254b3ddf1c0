import { statSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { openOnnxFile, type SessionOptions } from "../../onnx/index.ts";
import { fillPlanes, samples } from "../network-input.ts";
import { clip, distinct, type Face, type FaceNetwork, MAX_FACES } from "./face.ts";
import { openYolo } from "./yolo.ts";

/** Side of the network's input, in pixels. */
const SIDE = 512;
/** Overlap above which two boxes count as one face, as in face-api. */
const MAX_OVERLAP = 0.5;

/** SSD on MobileNet V1 with the weights of face-api, written by `reference/finishing_networks.py`. */
const FILE = fileURLToPath(new URL("../../../assets/faces.onnx", import.meta.url));

/** Opens the built-in face network. */
export async function openSsd(options: SessionOptions = {}): Promise<FaceNetwork> {
  const file = await openOnnxFile(FILE, options);
  return {
    async find(image, confidence) {
      // The image is placed in the upper left corner of a black square.
      const square = Math.max(image.width, image.height);
      const planes = { width: SIDE, height: SIDE, data: new Float32Array(3 * SIDE * SIDE) };
      const along = samples(square, SIDE, "origins");
      fillPlanes(image, { columns: along, rows: along }, planes);
      const { boxes, scores } = await file.run({ image: { data: planes.data, dims: [1, 3, SIDE, SIDE] } });
      const faces: Face[] = [];
      for (const [i, score] of scores!.data.entries()) {
        if (score < confidence) continue;
        const [top = 0, left = 0, bottom = 0, right = 0] = boxes!.data.subarray(4 * i).map((share) => share * square);
        faces.push({ box: { left, top, width: right - left, height: bottom - top }, score });
      }
      return distinct(faces, MAX_OVERLAP, MAX_FACES);
    },
    release: () => file.release(),
  };
}

/**
 * Opens a face detector. It returns at most 32 faces with `score ≥ confidence`, the best first. Boxes are clipped to the image.
 * @param yoloFile path of a YOLO face network in ONNX (exported by Ultralytics, YOLOv8 or later). Default: the built-in network
 * @throws Error naming the file when it cannot be opened
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

/** @throws Error naming the setting when the file of the operator's face network does not exist */
export function requireFaceModel(file: string | undefined): void {
  if (file !== undefined && !statSync(file, { throwIfNoEntry: false })?.isFile()) {
    throw new Error(
      `INKSTONE_FACE_MODEL is ${JSON.stringify(file)}, but this file does not exist; correct the path, or unset it for the built-in network`,
    );
  }
}
