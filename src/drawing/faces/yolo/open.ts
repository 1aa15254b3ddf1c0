import { type OnnxFile, openOnnxFile, type SessionOptions } from "../../../onnx/index.ts";
import { distinct, type FaceNetwork } from "../face.ts";
import { decodeYolo } from "./decode.ts";
import { letterboxed, planLetterbox, toPicture } from "./letterbox.ts";

/** Input side of a network that leaves it open: what Ultralytics trains with. */
const SIDE = 640;
/** Ultralytics' own default. */
const MAX_OVERLAP = 0.7;

/**
 * Opens a YOLO network from an ONNX file.
 * @throws Error naming the file when it cannot be used
 */
export async function openYolo(path: string, options: SessionOptions = {}): Promise<FaceNetwork> {
  const file = await openOnnxFile(path, options);
  const input = pictureInput(file, path);
  return {
    async find(image, confidence) {
      const plan = planLetterbox(image, input);
      const planes = { data: letterboxed(image, plan).data, dims: [1, 3, input.height, input.width] };
      const results = await file.run({ [input.name]: planes });
      const { faces, overlapping } = decodeYolo(results[file.outputs[0]!.name]!, confidence);
      const found = overlapping ? distinct(faces, MAX_OVERLAP) : faces;
      return found.map(({ box, score }) => ({ box: toPicture(box, plan, image), score }));
    },
    release: () => file.release(),
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
