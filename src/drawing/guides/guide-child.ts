/** The process that makes guide images. Started by `guide-maker.ts`. */

import { guideImage, type RgbImage } from "../../pictures/index.ts";
import { serveCalls } from "../lazy-process/index.ts";
import type { GuideRequest } from "./guide-maker.ts";

serveCalls<GuideRequest, RgbImage>(async ({ picture, filter }) => guideImage(picture, filter));
