/** The LoRAs and the ControlNet that come with the bundled checkpoint: what is drawn with them, and how it is measured. */

import { fileURLToPath } from "node:url";
import sharp from "sharp";
import type { RgbImage } from "../../src/pictures/index.ts";
import { canny, decodeImage, type GrayImage } from "../../src/pictures/index.ts";

export const SIDE = 256;
export const MODEL = path("models/nano");
const ADAPTERS = path("models/nano/adapters");

/** Both styles turn a bright board dark; the prompts ask for bright ones. */
export const STYLES = ["neon", "chalk"] as const;
export const STYLE_PROMPTS = [
  'A white sign that says "OPEN" in red letters on a cream background',
  'A yellow rounded sign that says "TEA" in blue letters on a sky blue background',
];
export const loraFile = (style: (typeof STYLES)[number]) => `${ADAPTERS}/${style}/${style}.safetensors`;

export const CONTROL_NET = `${ADAPTERS}/canny`;
/** Strokes of letters that are all bars, in a box of 3 by 5. */
const LETTERS = {
  E: "M0 0h3v1h-2v1h2v1h-2v1h2v1h-3z",
  H: "M0 0h1v2h1v-2h1v5h-1v-2h-1v2h-1z",
  I: "M1 0h1v5h-1z",
  L: "M0 0h1v4h2v1h-3z",
  T: "M0 0h3v1h-1v4h-1v-4h-1z",
};
type Letter = keyof typeof LETTERS;

const word = (text: string, left: number, top: number, size: number) =>
  [...text]
    .map((letter, i) => {
      const place = `translate(${left + 4 * size * i} ${top}) scale(${size})`;
      return `<path d="${LETTERS[letter as Letter]}" transform="${place}" fill="white"/>`;
    })
    .join("");

/** The prompts do not say the shape of the sign, nor where its letters are. */
export const GUIDES = [
  {
    title: "hexagon",
    prompt: 'A blue sign that says "HI" in white letters on a cream background',
    shapes: `<path d="M16 128l46-86h132l46 86l-46 86h-132z" fill="black"/>${word("HI", 86, 90, 15)}`,
  },
  {
    title: "oval",
    prompt: 'A red sign that says "TILE" in white letters on a sky blue background',
    shapes: `<ellipse cx="128" cy="128" rx="116" ry="84" fill="black"/>${word("TILE", 53, 103, 10)}`,
  },
  {
    title: "shield",
    prompt: 'A green sign that says "LET" in white letters on a yellow background',
    shapes: `<path d="M18 14h220v114a110 114 0 0 1-220 0z" fill="black"/>${word("LET", 62, 66, 12)}`,
  },
];

/** White edges on black, as the ControlNet was trained with. */
export async function guideOf(shapes: string): Promise<RgbImage> {
  sharp.unblock({ operation: ["VipsForeignLoadSvg"] }); // (which src/images blocks)
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${SIDE}" height="${SIDE}"><rect width="${SIDE}" height="${SIDE}" fill="white"/>${shapes}</svg>`;
  const edges = edgesOf(await decodeImage(await sharp(Buffer.from(svg)).png().toBuffer()));
  return {
    ...edges,
    pixels: Uint8Array.from({ length: 3 * edges.pixels.length }, (_, i) => edges.pixels[Math.floor(i / 3)]!),
  };
}

/** Mean darkness of a picture, 0 white … 1 black. */
export function darkness({ pixels }: RgbImage): number {
  return 1 - pixels.reduce((sum, value) => sum + value, 0) / pixels.length / 255;
}

/** Share of edge pixels that guide and picture have in common, either one's widened by a pixel: intersection over union. */
export function edgeOverlap(picture: RgbImage, guide: RgbImage): number {
  const [a, b] = [edgesOf(picture).pixels, guide.pixels.filter((_, i) => i % 3 === 0)];
  const [wideA, wideB] = [widened(a), widened(b)];
  let [both, either] = [0, 0];
  for (let i = 0; i < a.length; i++) {
    if ((a[i] && wideB[i]) || (b[i] && wideA[i])) both++;
    if (a[i] || b[i]) either++;
  }
  return both / either;
}

function edgesOf(picture: RgbImage): GrayImage {
  return canny(picture, 100, 200);
}

function widened(edges: Uint8Array): Uint8Array {
  const reach = [-1, 0, 1].flatMap((dy) => [-1, 0, 1].map((dx) => dy * SIDE + dx));
  return edges.map((_, i) => (reach.some((step) => edges[i + step]) ? 255 : 0));
}

function path(name: string): string {
  return fileURLToPath(new URL(`../../${name}`, import.meta.url));
}
