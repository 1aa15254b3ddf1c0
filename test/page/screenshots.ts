/** Takes the two pictures of the page in README.md, on a quiet machine: `npm run sheet:page`. Needs Chromium. */

import { join } from "node:path";
import sharp from "sharp";
import { buildPage, draw, finished, type Listed, type StudioPage, settled, startStudio } from "./studio.ts";

const IMAGES = join(import.meta.dirname, "../../docs/images");

const DRAFT = { model: "inkstone:nano@1", width: 256, height: 256 };

/** Earlier images in the strip, oldest first: prompt and seed. */
const EARLIER: readonly (readonly [string, number])[] = [
  ['A white poster that says "JAZZ" in red slab letters', 5],
  ['A teal sign that says "NIGHT" in white letters', 3],
  ['A green blackboard that says "SOUP" in white chalk letters', 7],
  ['A yellow sign that says "HOME" in blue letters', 2],
  ['A purple sign that says "BAR" in white sans letters', 7],
  ['A red sign that says "CAT" in white sans letters on a blue background', 7],
];

const PROMPT = 'A wooden sign that says "TEA"';

async function shoot(page: StudioPage, name: string): Promise<void> {
  await settled(page);
  const png = await page.screenshot();
  await sharp(png).webp({ quality: 80, effort: 6 }).toFile(join(IMAGES, name));
}

await buildPage();
const studio = await startStudio();
try {
  for (const [positivePrompt, seed] of EARLIER) {
    const task = { taskType: "imageInference", taskUUID: crypto.randomUUID(), ...DRAFT, positivePrompt, seed };
    await studio.ask("POST", "/v1", [task]);
  }
  const page = await studio.open({ draft: { ...DRAFT, seed: 7 } });
  await draw(page, PROMPT);
  await finished(page);
  await shoot(page, "page-draw.webp");

  const [source] = (await studio.listed()) as [Listed];
  await page.goto(`${studio.base}/edit/${source.imageUUID}`);
  const canvas = page.locator(".mask-canvas");
  await canvas.waitFor();
  await settled(page);
  await page.keyboard.press("r");
  const { x, y, width, height } = (await canvas.boundingBox())!;
  const side = Math.min(width - 48, height - 48, 4 * source.width);
  const corner = (along: number, down: number) =>
    [x + (width - side) / 2 + along * side, y + (height - side) / 2 + down * side] as const;
  await page.mouse.move(...corner(0.12, 0.3));
  await page.mouse.down();
  await page.mouse.move(...corner(0.88, 0.68), { steps: 8 });
  await page.mouse.up();
  await page.fill(".edit-prompt", 'A wooden sign that says "SALE"');
  await page.click(".button.draw");
  await page.waitForSelector(".edit-results .actions");
  await page.locator(".edit-results .strip-cell").first().click(); // back to the tinted image, its result beside it
  await page.waitForSelector(".edit-results .actions", { state: "detached" });
  await shoot(page, "page-edit.webp");
} finally {
  await studio.stop();
}
