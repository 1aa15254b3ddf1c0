/**
 * `npm run bench:page`: how soon the page can be used, on the loopback interface, with nothing in the browser's cache. Usable: the prompt
 * takes letters and the button is there. Once at the machine's own speed, once four times slower, as on an old phone.
 */

import { cpus, loadavg } from "node:os";
import { buildPage, startStudio } from "../page/studio.ts";

const LOADS = 7;
const SLOWER = 4;

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;

/** Milliseconds since navigation began, noted within the page. */
const WATCH = `
  new MutationObserver((_, observer) => {
    if (document.querySelector("#prompt") === null || document.querySelector(".button.draw") === null) return;
    observer.disconnect();
    requestAnimationFrame(() => { window.usableAt = performance.now(); });
  }).observe(document, { childList: true, subtree: true });`;

await buildPage();
const studio = await startStudio();
try {
  const rows: string[] = [];
  for (const rate of [1, SLOWER]) {
    const [usable, painted, bytes]: number[][] = [[], [], []];
    for (let i = 0; i < LOADS; i++) {
      const page = await studio.open({ path: "/docs" }); // the browser is warm, the page is not
      const devtools = await page.context().newCDPSession(page);
      await devtools.send("Emulation.setCPUThrottlingRate", { rate });
      await page.addInitScript(WATCH);
      await page.goto(studio.base);
      await page.waitForFunction("window.usableAt !== undefined");
      const [at, paint, transferred] = (await page.evaluate(`[
        window.usableAt,
        performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? 0,
        [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")]
          .filter(({ name }) => !/\\/(v1|images)\\//.test(name) && !name.endsWith("/v1"))
          .reduce((sum, { transferSize }) => sum + transferSize, 0),
      ]`)) as [number, number, number];
      usable!.push(at);
      painted!.push(paint);
      bytes!.push(transferred);
      await page.context().close();
    }
    const ms = (values: readonly number[]) => `${Math.round(median(values))} ms`;
    rows.push(
      `| ${rate === 1 ? "as it is" : `${rate} times slower`} | ${ms(painted!)} | ${ms(usable!)} | ${Math.round(median(bytes!) / 1000)} kB |`,
    );
  }
  console.log(`\n${cpus().length} × ${cpus()[0]!.model}, load ${loadavg()[0]!.toFixed(1)}, median of ${LOADS} loads\n`);
  console.log("| processor | first paint | usable | transferred |\n|---|---|---|---|");
  for (const row of rows) console.log(row);
} finally {
  await studio.stop();
}
