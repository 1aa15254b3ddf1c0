/** The official client: only the URL is different. */

import { Runware } from "@runware/sdk-js";

const url = (process.env.SERVER_URL ?? "http://127.0.0.1:7437").replace("http", "ws");
const runware = new Runware({ apiKey: "anything", url: `${url}/v1` });
await runware.ensureConnection();
const images = await runware.imageInference({
  positivePrompt: 'A wooden sign that says "OPEN"',
  model: "runware:108@1",
  width: 256,
  height: 256,
  numberResults: 2,
  onPartialImages: (finished) => console.log("finished so far:", finished.length),
});
for (const image of images ?? []) console.log(image.imageURL);
await runware.disconnect();
