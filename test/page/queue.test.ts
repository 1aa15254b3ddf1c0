import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { buildPage, draw, finished, hasChromium, QUICK, type Studio, startStudio } from "./studio.ts";

interface Task {
  readonly taskUUID: string;
  readonly state: string;
  readonly request: { readonly positivePrompt: string };
}

describe.skipIf(!hasChromium)("the queue", () => {
  let studio: Studio;
  const tasks = async (states: string) => (await studio.ask<{ data: Task[] }>("GET", `/v1/tasks?state=${states}`)).data;
  beforeAll(async () => {
    await buildPage();
    studio = await startStudio();
  });
  afterAll(() => studio?.stop());

  test("cancelling queued tasks leaves finished images; Stop ends the running task within a step", async () => {
    const page = await studio.open({ draft: { ...QUICK, width: 256, height: 256, steps: 50 } });
    await draw(page, "first");
    await page.waitForSelector("text=/step [1-9]/");
    await draw(page, "second");
    await page.waitForSelector("text=1 waiting");
    await page.click(".queue-button");
    await page.click('.queue-item:has-text("second") button[aria-label="Cancel"]');
    await expect
      .poll(async () => (await tasks("cancelled")).map((task) => task.request.positivePrompt))
      .toEqual(["second"]);
    expect((await tasks("running")).map((task) => task.request.positivePrompt)).toEqual(["first"]);
    await page.click('.queue-item:has-text("first") button[aria-label="Stop"]');
    await expect.poll(async () => (await tasks("cancelled")).length, { timeout: 15_000 }).toBe(2);
    await page.waitForSelector(".queue-button", { state: "detached" });
    expect(page.faults).toEqual([]);
  });

  test("a server that is killed during a task returns with it, and the page continues without a reload", async () => {
    const page = await studio.open({ draft: { ...QUICK, steps: 40 } });
    await draw(page, 'A sign that says "BACK"');
    await page.waitForSelector("text=/step [1-9]/");
    await studio.kill();
    await page.waitForSelector(".away", { timeout: 30_000 });
    expect(await page.inputValue("#prompt")).toContain("BACK");
    await studio.start();
    await page.waitForSelector(".away", { state: "detached", timeout: 60_000 });
    await finished(page);
    expect(await tasks("succeeded")).toHaveLength(1);
  });

  test("closing a tab during generation loses nothing: a new one shows the image", async () => {
    const page = await studio.open({ draft: { ...QUICK, steps: 30 } });
    await draw(page, 'A sign that says "LATER"');
    await page.context().close();
    const later = await studio.open();
    await expect.poll(() => later.locator('.strip img[alt*="LATER"]').count(), { timeout: 120_000 }).toBe(1);
    expect(later.faults).toEqual([]);
  });
});
