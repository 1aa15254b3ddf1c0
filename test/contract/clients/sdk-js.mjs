/** npm `@runware/sdk-js`, the version in the folder given, unmodified: the same steps as `pypi_runware.py`. */

import { packageIn } from "./package-in.mjs";
import { steps } from "./steps.mjs";

const [folder, socketUrl, apiKey] = process.argv.slice(2);
const { Runware } = await packageIn(folder, "@runware/sdk-js");
const runware = new Runware({ apiKey, url: socketUrl });
// It gives up after a few seconds, which a busy machine may take.
for (let attempt = 0; attempt < 10; attempt++) {
  if (
    await runware.ensureConnection().then(
      () => true,
      () => false,
    )
  )
    break;
}
const task = { model: "runware:108@1", positivePrompt: "a red square", width: 128, height: 128 };

await steps(async (changes) => {
  const request = { numberResults: 1, ...task, ...changes };
  // Older versions have the older name only.
  const images = await (runware.imageInference?.(request) ?? runware.requestImages(request));
  return images.map(({ seed }) => seed);
});
