import sharp from "sharp";
import type { Drawing } from "../../src/drawing/index.ts";
import type { GrayImage } from "../../src/pictures/index.ts";

export const SIDE = 256;

/** What is asked of the seed image, which is SIDE × SIDE. */
export interface Case {
  readonly title: string;
  readonly drawing: Partial<Pick<Drawing, "mask" | "maskMargin" | "outpaint" | "width" | "height" | "strength">>;
}

// The codec has shut every loader but its own.
sharp.unblock({ operation: ["VipsForeignLoadSvgBuffer"] });

/** A mask as SVG: white shapes on black. */
async function shapes(svg: string): Promise<GrayImage> {
  const file = `<svg width="${SIDE}" height="${SIDE}"><rect width="100%" height="100%" fill="black"/>${svg}</svg>`;
  const pixels = await sharp(Buffer.from(file)).toColourspace("b-w").removeAlpha().raw().toBuffer();
  return { width: SIDE, height: SIDE, pixels };
}

const circle = await shapes('<circle cx="128" cy="128" r="70" fill="white"/>');
const small = await shapes('<circle cx="128" cy="128" r="28" fill="white"/>');
const gradient = await shapes(
  '<linearGradient id="g"><stop offset="0.1" stop-color="black"/><stop offset="0.9" stop-color="white"/></linearGradient>' +
    '<rect width="100%" height="100%" fill="url(#g)"/>',
);
const word = await shapes(
  '<text x="128" y="160" font-family="sans-serif" font-weight="bold" font-size="96" text-anchor="middle" fill="white">INK</text>',
);
const thin = await shapes(
  '<path d="M10 250 L250 10 M10 10 Q128 250 250 60" stroke="white" stroke-width="3" fill="none"/>',
);

const none = { top: 0, right: 0, bottom: 0, left: 0, blur: 0 };
const wide = { width: SIDE + 96 };
const tall = { height: SIDE + 96 };

export const CASES: readonly Case[] = [
  { title: "circle", drawing: { mask: circle } },
  { title: "circle, maskMargin 32", drawing: { mask: circle, maskMargin: 32 } },
  { title: "circle, strength 0.6", drawing: { mask: circle, strength: 0.6 } },
  { title: "gradient from black to white", drawing: { mask: gradient } },
  { title: "letters", drawing: { mask: word } },
  { title: "strokes, 3 pixels thin", drawing: { mask: thin } },
  { title: "small circle", drawing: { mask: small } },
  { title: "small circle, maskMargin 32", drawing: { mask: small, maskMargin: 32 } },
  { title: "small circle, maskMargin 128", drawing: { mask: small, maskMargin: 128 } },
  { title: "outpaint top 96", drawing: { outpaint: { ...none, top: 96 }, ...tall } },
  { title: "outpaint right 96", drawing: { outpaint: { ...none, right: 96 }, ...wide } },
  { title: "outpaint right 96, blur 32", drawing: { outpaint: { ...none, right: 96, blur: 32 }, ...wide } },
  { title: "outpaint bottom 96", drawing: { outpaint: { ...none, bottom: 96 }, ...tall } },
  { title: "outpaint left 96", drawing: { outpaint: { ...none, left: 96 }, ...wide } },
  {
    title: "outpaint all four 48, blur 8",
    drawing: { outpaint: { top: 48, right: 48, bottom: 48, left: 48, blur: 8 }, ...wide, ...tall },
  },
];
