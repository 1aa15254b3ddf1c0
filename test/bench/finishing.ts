/**
 * What the safety check and the face detector cost: `node test/bench/finishing.ts [THREADS]`. Prints a Markdown table. Each is measured in
 * a process of its own, as the engine process and the command line use it.
 */

import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { finishingNetworks } from "../../src/drawing/index.ts";
import { decodeImage, type RgbImage, resizeImage } from "../../src/pictures/index.ts";

const RUNS = 15;
const [, program, threads = "1", measured] = process.argv;

if (measured === undefined) {
  console.log(
    `| network (${threads} thread) | picture | first call, s | median, ms | processor, ms | memory added at most, MB |`,
  );
  console.log("|---|---|---|---|---|---|");
  for (const name of ["safety check", "face detector"]) {
    execFileSync(process.execPath, [program!, threads, name], { stdio: "inherit" });
  }
} else {
  const networks = finishingNetworks({ threads: Number(threads) });
  await measure(measured, (image) =>
    measured === "safety check" ? networks.classify(image) : networks.findFaces(image, 0.9),
  );
}

async function measure(name: string, look: (image: RgbImage) => Promise<unknown>) {
  const photo = await decodeImage(
    readFileSync(fileURLToPath(new URL("../fixtures/photos/astronaut.jpg", import.meta.url))),
  );
  const sizes = await Promise.all([256, 512, 1024, 2048].map((side) => resizeImage(photo, side, side)));
  const before = memory();
  for (const image of sizes) {
    const started = performance.now();
    await look(image);
    const first = image === sizes[0] ? ((performance.now() - started) / 1000).toFixed(2) : "";
    const busy = process.cpuUsage();
    const times: number[] = [];
    for (let run = 0; run < RUNS; run++) {
      const begun = performance.now();
      await look(image);
      times.push(performance.now() - begun);
    }
    const { user, system } = process.cpuUsage(busy);
    const median = times.sort((a, b) => a - b)[RUNS >> 1]!;
    const cells = [
      name,
      `${image.width}×${image.height}`,
      first,
      median.toFixed(0),
      ((user + system) / 1000 / RUNS).toFixed(0),
      (memory() - before).toFixed(0),
    ];
    console.log(`| ${cells.join(" | ")} |`);
  }
}

/** Largest memory of this process so far, MB. */
function memory(): number {
  return process.resourceUsage().maxRSS / 1000;
}
