/**
 * Draws with the bundled LoRAs at several weights, and without and with the edge ControlNet beside its guides:
 * `npm run sheet:adapters -- OUT.webp`.
 */

import { Pipeline } from "../../src/engine/index.ts";
import { type Tile, writeContactSheet } from "../support/contact-sheet.ts";
import { CONTROL_NET, edgeOverlap, GUIDES, guideOf, loraFile, MODEL, SIDE, STYLE_PROMPTS, STYLES } from "./cases.ts";

const WEIGHTS = [0, 0.5, 0.75, 1, 1.25, 1.5];

const [out] = process.argv.slice(2);
if (!out) throw new Error("usage: npm run sheet:adapters -- OUT.webp");

const pipeline = await Pipeline.load(MODEL);
const size = { width: SIDE, height: SIDE, steps: 20 };
const tiles: Tile[] = [];
for (const [i, style] of STYLES.entries()) {
  for (const weight of WEIGHTS) {
    const loras = [{ file: loraFile(style), weight }];
    const [image] = await pipeline.generate({ prompt: STYLE_PROMPTS[i]!, ...size, seed: 3n, loras });
    tiles.push({ title: `${style}, weight ${weight}`, pictures: [image!] });
  }
}
for (const { title, prompt, shapes } of GUIDES) {
  const guide = await guideOf(shapes);
  const [without] = await pipeline.generate({ prompt, ...size, seed: 3n });
  const [steered] = await pipeline.generate({
    prompt,
    ...size,
    seed: 3n,
    controls: [{ folder: CONTROL_NET, image: guide }],
  });
  const overlap = (image: typeof without) => edgeOverlap(image!, guide).toFixed(2);
  tiles.push({ title: `guide: ${title}`, pictures: [guide] });
  tiles.push({ title: `without it, overlap ${overlap(without)}`, pictures: [without!] });
  tiles.push({ title: `with it, overlap ${overlap(steered)}`, pictures: [steered!] });
}
await pipeline.dispose();
await writeContactSheet(out, tiles, WEIGHTS.length, SIDE);
