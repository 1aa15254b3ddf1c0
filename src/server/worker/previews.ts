import { encodeImage, type RgbImage } from "../../pictures/index.ts";
import type { Claim } from "../tasks/index.ts";

/** Shortest interval between previews. */
const PAUSE_MS = 250;
const QUALITY = 60;

/** The progress of an image. */
interface Moment {
  readonly image: number;
  readonly step: number;
  readonly steps: number;
}

/**
 * Shows previews of a task, a few per second. A preview that comes too soon, or while another is encoded, is dropped.
 */
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
      .catch(() => {}) // an image can do without its preview
      .finally(() => {
        busy = false;
      });
  };
}
