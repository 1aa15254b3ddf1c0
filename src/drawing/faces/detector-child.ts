/**
 * The face detection process: holds one detector and looks at one picture after the other. Started by `detector.ts` with the path of a
 * YOLO file, or with none for the built-in detector.
 */

import type { RgbImage } from "../../pictures/index.ts";
import { serveCalls } from "../lazy-process/index.ts";
import type { Face } from "./face.ts";

/** One picture to look at. */
export interface Look {
  readonly image: RgbImage;
  readonly confidence: number;
}

const [, , yoloFile] = process.argv;
// Only the library that is used is loaded.
const loading =
  yoloFile === undefined
    ? import("./face-api.ts").then(({ loadFaceApi }) => loadFaceApi())
    : import("./yolo/open.ts").then(({ openYolo }) => openYolo(yoloFile));
loading.catch(() => {}); // told to every caller

serveCalls<Look, Face[]>(async ({ image, confidence }) => (await loading)(image, confidence));
