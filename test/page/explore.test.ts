import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { buildPage, hasChromium, type Studio, startStudio } from "./studio.ts";

describe.skipIf(!hasChromium)("a sheet over two parameters", () => {
  let studio: Studio;
  beforeAll(async () => {
    await buildPage();
    studio = await startStudio();
  });
  afterAll(() => studio?.stop());

  test("generates each pair of values once, in its place, and survives a reload", async () => {
    const page = await studio.open({ path: "/explore" });
    await page.fill(".edit-prompt", "A sign");
    await page.fill('[aria-label^="Across: "]', "11-13");
    await page.selectOption('[aria-label="Down"]', "steps");
    await page.fill('[aria-label^="Down: "]', "1, 2");
    await page.click("main .button.draw");
    await expect.poll(() => page.locator(".sheet-table .sheet-picture").count(), { timeout: 200_000 }).toBe(6);
    expect(await page.locator(".sheet-table thead th").allTextContents()).toEqual(["seed 11", "seed 12", "seed 13"]);
    expect(await page.locator(".sheet-table tbody th").allTextContents()).toEqual(["steps 1", "steps 2"]);

    const data = await studio.listed();
    const drawn = data.map(({ seed, parameters }) => `${seed} ${parameters.steps}`).sort();
    expect(drawn).toEqual(["11 1", "11 2", "12 1", "12 2", "13 1", "13 2"]);

    await page.reload();
    await expect.poll(() => page.locator(".sheet-table .sheet-picture").count()).toBe(6);
    await page.locator(".sheet-table tbody tr").nth(1).locator(".sheet-cell").nth(2).click();
    await page.waitForSelector('.actions [aria-label="Details"]');
    await page.click('.actions [aria-label="Details"]');
    const details = await page.locator("dialog[open]").textContent();
    expect(details).toContain("13");
    expect(page.faults).toEqual([]);
    await page.context().close();
  });
});
