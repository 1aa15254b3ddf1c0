/** The engine and the model that tests of tasks and workers use instead of real ones. */

import { fileURLToPath } from "node:url";
import type { Model } from "../../src/models/index.ts";

export const STAND_IN_ENGINE = fileURLToPath(new URL("../stand-ins/engine.mjs", import.meta.url));

export const MODEL = {
  card: {
    air: "runware:108@1",
    name: "Stand-in",
    defaults: { steps: 20, CFGScale: 4, width: 1024, height: 1024 },
    price: { unit: 0.00064, base: 0.3, perMegapixel: 0.332, perSquareMegapixel: 0.052 },
  },
  folder: "/nowhere",
  origin: "folder",
} as unknown as Model;
