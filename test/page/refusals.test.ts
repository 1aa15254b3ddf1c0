/** What the page says when the server takes nothing: each a sentence with what can be done, and nothing is lost. */

import { statfsSync } from "node:fs";
import { tmpdir } from "node:os";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { buildPage, draw, finished, hasChromium, QUICK, type Studio, startStudio } from "./studio.ts";

const { bavail, bsize } = statfsSync(tmpdir());
/** More than the setting can ask for: no disk of this size looks full. */
const hasTerabyteFree = bavail * bsize > 1e12;

describe.skipIf(!hasChromium)("refusals", () => {
  let studio: Studio;
  beforeAll(async () => {
    await buildPage();
    studio = await startStudio({ INKSTONE_MAX_QUEUE: "1" });
  });
  afterAll(() => studio?.stop());

  test("a full queue: the page reports it, counts down, and keeps the draft", async () => {
    const page = await studio.open({ draft: { ...QUICK, width: 256, height: 256, steps: 100, numberResults: 20 } });
    await draw(page, "first");
    await page.waitForSelector("text=/step [1-9]/");
    await draw(page, "second");
    await page.waitForSelector("text=1 waiting");
    await page.fill("#prompt", "third");
    await page.click(".button.draw");
    await page.waitForSelector('.refusal[role="alert"] >> text=The queue is full.');
    const seconds = async () => Number(/in (\d+) s/.exec((await page.textContent(".refusal"))!)?.[1]);
    const first = await seconds();
    expect(first).toBeGreaterThan(0);
    await expect.poll(seconds, { timeout: 10_000 }).toBeLessThan(first);
    expect(await page.inputValue("#prompt")).toBe("third");
    const { data } = await studio.ask<{ data: { taskUUID: string }[] }>("GET", "/v1/tasks");
    for (const { taskUUID } of data) await studio.ask("DELETE", `/v1/tasks/${taskUUID}`);
    await page.context().close();
  });

  test("a missing model is reported before anything is sent, each time", async () => {
    const page = await studio.open({ draft: { ...QUICK, model: "nobody:nothing@1" } });
    await page.waitForSelector(".fault >> text=The model nobody:nothing@1 is not installed.");
    await page.fill("#prompt", "a sign");
    for (const _ of [1, 2]) {
      await page.click(".button.draw");
      await page.waitForSelector('.refusal[role="alert"] >> text=This model is not installed.');
    }
    expect(await page.inputValue("#prompt")).toBe("a sign");
    await page.context().close();
  });

  test("a refused parameter is marked in its place, and announced to screen readers", async () => {
    const page = await studio.open({ draft: { ...QUICK, steps: 5000 } });
    await page.click(".disclosure");
    await page.fill("#prompt", "a sign");
    await page.click(".button.draw");
    const field = page.locator('input[type="number"][aria-invalid="true"]');
    await field.waitFor();
    const described = (await field.getAttribute("aria-describedby"))!.split(" ");
    const texts = await Promise.all(described.map((id) => page.textContent(`#${id}`)));
    expect(texts.join(" ")).toContain("steps");
    expect(await page.textContent('[aria-live="polite"]')).toContain("steps");
    await page.context().close();
  });

  test.skipIf(hasTerabyteFree)(
    "a full disk: the page reports it, keeps the draft, offers to empty the bin, and continues without a reload",
    async () => {
      const page = await studio.open();
      await draw(page, "in the bin");
      await finished(page);
      await page.click('.actions [aria-label="Bin"]');
      await page.fill("#prompt", "kept");
      await studio.kill();
      await studio.start({ INKSTONE_MIN_FREE_MB: "1000000" });
      await page.waitForSelector(".away >> text=disk is full", { timeout: 60_000 });
      await page.click(".button.draw");
      await page.waitForSelector('.refusal[role="alert"] >> text=The server does not accept tasks now.');
      await page.click(".away >> text=Empty the bin (1)");
      await page.waitForSelector(".away >> text=Empty the bin", { state: "detached" });
      expect((await studio.ask<{ storage: object }>("GET", "/v1/status")).storage).toMatchObject({
        full: true,
        binned: 0,
      });
      await studio.kill();
      await studio.start();
      await page.waitForSelector(".away", { state: "detached", timeout: 60_000 });
      expect(await page.inputValue("#prompt")).toBe("kept");
      await page.click(".button.draw");
      await finished(page);
    },
  );
});
