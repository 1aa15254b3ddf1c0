/** What the safety check and the face detector cost: `node test/bench/finishing.ts`. Prints a Markdown table. */

import { readFileSync } from "node:fs";
import { createFaceDetector } from "../../src/drawing/faces/index.ts";
import { createSafetyChecker } from "../../src/drawing/safety/index.ts";
import { decodeImage, type RgbImage, resizeImage } from "../../src/pictures/index.ts";

const RUNS = 15;
const photo = await decodeImage(readFileSync(new URL("../fixtures/photos/astronaut.jpg", import.meta.url)));
const sizes = await Promise.all([256, 512, 1024, 2048].map((side) => resizeImage(photo, side, side)));

const checker = createSafetyChecker();
const detector = createFaceDetector();
console.log("| helper | picture | first call, s | median, ms | processor, ms | memory at most, MB |");
console.log("|---|---|---|---|---|---|");
await measure("safety check", checker, (image) => checker.check(image));
await measure("face detector", detector, (image) => detector.detect(image, 0.9));
await Promise.all([checker.stop(), detector.stop()]);

async function measure(name: string, helper: { readonly pid: number | undefined }, work: (image: RgbImage) => unknown) {
  let first: number | undefined;
  for (const image of sizes) {
    const started = performance.now();
    await work(image);
    first ??= (performance.now() - started) / 1000;
    const busy = processorTime(helper.pid!);
    const times: number[] = [];
    for (let run = 0; run < RUNS; run++) {
      const before = performance.now();
      await work(image);
      times.push(performance.now() - before);
    }
    const processor = (1000 * (processorTime(helper.pid!) - busy)) / RUNS;
    const median = times.sort((a, b) => a - b)[RUNS >> 1]!;
    const load = image === sizes[0] ? first.toFixed(2) : "";
    const cells = [
      name,
      `${image.width}×${image.height}`,
      load,
      median.toFixed(0),
      processor.toFixed(0),
      peak(helper.pid!),
    ];
    console.log(`| ${cells.join(" | ")} |`);
  }
}

/** Largest memory of a process so far, from Linux' /proc. */
function peak(pid: number): string {
  const kilobytes = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))![1];
  return (Number(kilobytes) / 1000).toFixed(0);
}

/** Seconds that processors were busy with a process, from Linux' /proc, which counts hundredths. */
function processorTime(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").at(-1)!.split(" ");
  return (Number(fields[11]) + Number(fields[12])) / 100;
}
