import { fileURLToPath } from "node:url";
import { openOnnxFile, type SessionOptions } from "../../onnx/index.ts";
import { fillPlanes, samples } from "../network-input.ts";
import { distinct, type Face, type FaceNetwork, MAX_FACES } from "./face.ts";

/** Pixels a side that the network takes. */
const SIDE = 512;
/** face-api's own limit. */
const MAX_OVERLAP = 0.5;

/** SSD on MobileNet V1 with the weights of face-api, as `reference/finishing_networks.py` writes it. */
const FILE = fileURLToPath(new URL("../../../assets/faces.onnx", import.meta.url));

/** Opens the built-in face network. */
export async function openSsd(options: SessionOptions = {}): Promise<FaceNetwork> {
  const file = await openOnnxFile(FILE, options);
  return {
    async find(image, confidence) {
      // The picture lies in the upper left corner of a black square.
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
