import { type OnnxFile, openOnnxFile } from "../../../engine/index.ts";
import type { RgbImage } from "../../../pictures/index.ts";
import type { Face } from "../face.ts";
import { decodeYolo } from "./decode.ts";
import { letterboxed, planLetterbox, toPicture } from "./letterbox.ts";
import { suppressOverlaps } from "./suppress.ts";

/** Input side of a network that leaves it open: what Ultralytics trains with. */
const SIDE = 640;

/** Finds faces with a YOLO network from an ONNX file. It computes on the calling thread. */
export async function openYolo(path: string): Promise<(image: RgbImage, confidence: number) => Promise<Face[]>> {
  const file = await openOnnxFile(path);
  const input = pictureInput(file, path);
  return async (image, confidence) => {
    const plan = planLetterbox(image, input);
    const planes = { data: letterboxed(image, plan), dims: [1, 3, input.height, input.width] };
    const results = await file.run({ [input.name]: planes });
    const { faces, overlapping } = decodeYolo(results[file.outputs[0]!.name]!, confidence);
    const distinct = overlapping ? suppressOverlaps(faces) : faces;
    return distinct.map(({ box, score }) => ({ box: toPicture(box, plan, image), score }));
  };
}

function pictureInput({ inputs }: OnnxFile, path: string): { name: string; width: number; height: number } {
  const [input] = inputs;
  if (!input || inputs.length > 1 || input.type !== "float32" || input.dims.length !== 4) {
    const found = inputs.map(({ name, type, dims }) => `${name}: ${type} [${dims.join(", ")}]`).join("; ");
    throw new Error(`${path} takes ${found || "nothing"}; allowed is one float32 picture [1, 3, height, width]`);
  }
  const [height, width] = input.dims.slice(2).map((side) => (typeof side === "number" && side > 0 ? side : SIDE));
  return { name: input.name, width: width!, height: height! };
}
