/** Pictures, and what TensorFlow.js says of them with the weights that ours were made from (reference/finishing_scores.mjs). */

import { readFile } from "node:fs/promises";
import type { Face } from "../../src/drawing/faces/index.ts";
import { crop, decodeImage, type Rectangle, type RgbImage, resizeImage } from "../../src/pictures/index.ts";
import type { SafetyScores } from "../../src/settings/index.ts";

interface Entry {
  readonly file: string;
  readonly size?: { readonly width: number; readonly height: number };
  readonly part?: Rectangle;
  readonly scores: SafetyScores;
  readonly faces: readonly Face[];
}

export interface Recorded extends Pick<Entry, "scores" | "faces"> {
  readonly name: string;
  readonly picture: RgbImage;
}

const fixtures = new URL("../fixtures/", import.meta.url);

export async function recorded(): Promise<[Recorded, ...Recorded[]]> {
  const entries: Entry[] = JSON.parse(await readFile(new URL("finishing.json", fixtures), "utf8"));
  const pictures = entries.map(async ({ file, size, part, scores, faces }) => {
    const whole = await decodeImage(await readFile(new URL(file, fixtures)));
    const { width, height } = size ?? whole;
    const picture = part ? crop(whole, part) : await resizeImage(whole, width, height);
    return { name: JSON.stringify({ file, size, part }), picture, scores, faces };
  });
  return Promise.all(pictures) as Promise<[Recorded, ...Recorded[]]>;
}
