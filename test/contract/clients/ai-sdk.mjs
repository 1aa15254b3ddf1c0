/** npm `@runware/ai-sdk-provider` under `ai`, the versions in the folder given, unmodified: the same steps as `pypi_runware.py`. */

import { packageIn } from "./package-in.mjs";
import { steps } from "./steps.mjs";

const [folder, httpUrl, apiKey] = process.argv.slice(2);
const { createRunware } = await packageIn(folder, "@runware/ai-sdk-provider");
const { experimental_generateImage: generateImage } = await packageIn(folder, "ai");
Object.assign(globalThis, { AI_SDK_LOG_WARNINGS: false });

/** The provider says no seeds of its own: what is asked is told. */
await steps(async ({ seed, numberResults = 1, width = 128 }) => {
  const model = createRunware({ apiKey, baseURL: httpUrl }).image("runware:108@1");
  const { images } = await generateImage({
    model,
    prompt: "a red square",
    size: `${width}x128`,
    n: numberResults,
    seed,
  });
  return images.map((image, i) => (image.uint8Array.length > 0 ? seed + i : undefined));
});
