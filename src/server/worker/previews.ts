import { encodeImage, type RgbImage } from "../../pictures/index.ts";
import type { Claim } from "../tasks/index.ts";

/** Previews follow each other no faster. */
const PAUSE_MS = 250;
const QUALITY = 60;

/** Where a picture is in its making. */
interface Moment {
  readonly image: number;
  readonly step: number;
  readonly steps: number;
}

/** Shows previews of a task, a few in a second: one that comes while another is made, or too soon, is left out. */
export function createPreviews(claim: Pick<Claim, "show">): (preview: () => Promise<RgbImage>, moment: Moment) => void {
  let next = 0;
  let busy = false;

  async function show(preview: () => Promise<RgbImage>, moment: Moment): Promise<void> {
    const bytes = await encodeImage(await preview(), { format: "WEBP", quality: QUALITY });
    claim.show({ ...moment, dataURI: `data:image/webp;base64,${Buffer.from(bytes).toString("base64")}` });
  }

  return (preview, moment) => {
    if (busy || performance.now() < next) return;
    busy = true;
    next = performance.now() + PAUSE_MS;
    show(preview, moment)
      .catch(() => {}) // a picture can do without
      .finally(() => {
        busy = false;
      });
  };
}
