/** The safety process: holds the classifier and scores one picture after the other. Started by `checker.ts`. */

import type { RgbImage } from "../../pictures/index.ts";
import { serveCalls } from "../lazy-process/index.ts";
import type { SafetyScores } from "./classes.ts";
import { loadClassifier } from "./classifier.ts";

const loading = loadClassifier();
loading.catch(() => {}); // told to every caller

serveCalls<RgbImage, SafetyScores>(async (image) => (await loading)(image));
