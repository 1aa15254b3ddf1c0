/**
 * `npm run bench:caches -- [--model DIR] [--size 256] [--steps 20] [--pictures 3] [--threads N]`
 *
 * What each step cache saves and what it costs: time against the picture drawn without it, and how far the pictures are apart
 * (PSNR and SSIM of the brightness), for several thresholds. Printed as Markdown.
 */

import { parseArgs } from "node:util";
import { type CacheParams, type GeneratedImage, Pipeline } from "../../src/engine/index.ts";
import { grayOf } from "../../src/pictures/picture.ts";

const { values } = parseArgs({
  options: {
    model: { type: "string", default: new URL("../../models/nano", import.meta.url).pathname },
    size: { type: "string", default: "256" },
    steps: { type: "string", default: "20" },
    pictures: { type: "string", default: "3" },
    prompt: { type: "string", default: 'A wooden sign that says "OPEN" beside a teapot' },
    threads: { type: "string" },
  },
});

const LIMITS = { maxConsecutive: 3 };
const SETTINGS: readonly CacheParams[] = [
  ...[0.06, 0.12, 0.18, 0.24].map((threshold) => ({ kind: "fbCache", threshold, ...LIMITS }) as const),
  ...[0.06, 0.12, 0.18, 0.24].map(
    (threshold) => ({ kind: "dbCache", threshold, refreshInterval: 5, ...LIMITS }) as const,
  ),
  ...[0.12, 0.18, 0.24].map((threshold) => ({ kind: "dbCache", threshold, taylorOrder: 1, ...LIMITS }) as const),
  ...[0.1, 0.2, 0.3, 0.5].map((threshold) => ({ kind: "teaCache", threshold, ...LIMITS }) as const),
];

const pipeline = await Pipeline.load(values.model, values.threads ? { threads: Number(values.threads) } : {});
const [size, steps] = [Number(values.size), Number(values.steps)];

async function draw(seed: number, cache?: CacheParams): Promise<{ image: GeneratedImage; ms: number }> {
  const started = performance.now();
  const params = {
    prompt: values.prompt,
    width: size,
    height: size,
    steps,
    seed: BigInt(seed),
    ...(cache && { cache }),
  };
  const [image] = await pipeline.generate(params);
  return { image: image!, ms: performance.now() - started };
}

await draw(0, { kind: "fbCache", threshold: 0 }); // opens the graphs
console.log(
  `${size}×${size}, ${steps} steps, ${values.pictures} pictures, at most ${LIMITS.maxConsecutive} skipped in a row\n`,
);
console.log("| cache | threshold | steps skipped | speed-up | PSNR (dB) | SSIM |\n|---|---|---|---|---|---|");
for (const cache of SETTINGS) {
  const rows: { skipped: number; speedUp: number; psnr: number; ssim: number }[] = [];
  for (let seed = 1; seed <= Number(values.pictures); seed++) {
    // One after the other, so that a busy moment of the machine meets both.
    const [plain, cached] = [await draw(seed), await draw(seed, cache)];
    const [a, b] = [grayOf(plain.image).pixels, grayOf(cached.image).pixels];
    rows.push({
      skipped: cached.image.skippedSteps!,
      speedUp: plain.ms / cached.ms,
      psnr: psnr(plain.image.pixels, cached.image.pixels),
      ssim: ssim(a, b, size),
    });
  }
  const mean = (key: keyof (typeof rows)[number]) => rows.reduce((sum, row) => sum + row[key], 0) / rows.length;
  const name =
    cache.kind === "dbCache" && cache.taylorOrder ? `${cache.kind}, Taylor ${cache.taylorOrder}` : cache.kind;
  const numbers = [
    mean("skipped").toFixed(1),
    `${mean("speedUp").toFixed(2)}×`,
    mean("psnr").toFixed(1),
    mean("ssim").toFixed(3),
  ];
  console.log(`| ${name} | ${cache.threshold} | ${numbers.join(" | ")} |`);
}
await pipeline.dispose();

/** Peak signal-to-noise ratio in decibels; 99 for equal pictures. */
function psnr(a: Uint8Array, b: Uint8Array): number {
  let squares = 0;
  for (let i = 0; i < a.length; i++) squares += (a[i]! - b[i]!) ** 2;
  return squares === 0 ? 99 : 10 * Math.log10((255 ** 2 * a.length) / squares);
}

/** Mean structural similarity over 8×8 windows every 4 pixels. Wang et al. (2004). */
function ssim(a: Uint8Array, b: Uint8Array, width: number): number {
  const [c1, c2] = [(0.01 * 255) ** 2, (0.03 * 255) ** 2];
  const window = 8;
  let total = 0;
  let count = 0;
  for (let top = 0; top + window <= a.length / width; top += 4) {
    for (let left = 0; left + window <= width; left += 4) {
      let [sumA, sumB, squareA, squareB, product] = [0, 0, 0, 0, 0];
      for (let y = top; y < top + window; y++) {
        for (let x = left; x < left + window; x++) {
          const [p, q] = [a[y * width + x]!, b[y * width + x]!];
          sumA += p;
          sumB += q;
          squareA += p * p;
          squareB += q * q;
          product += p * q;
        }
      }
      const n = window ** 2;
      const [meanA, meanB] = [sumA / n, sumB / n];
      const [varA, varB, both] = [squareA / n - meanA ** 2, squareB / n - meanB ** 2, product / n - meanA * meanB];
      total += ((2 * meanA * meanB + c1) * (2 * both + c2)) / ((meanA ** 2 + meanB ** 2 + c1) * (varA + varB + c2));
      count++;
    }
  }
  return total / count;
}
