import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { buildPage, finished, hasChromium, PHONE, PROMPT, type Studio, startStudio } from "./studio.ts";

describe.skipIf(!hasChromium)("drawing", () => {
  let studio: Studio;
  beforeAll(async () => {
    await buildPage();
    studio = await startStudio();
  });
  afterAll(() => studio?.stop());

  test("a first picture: an example is there, one press draws it, and nothing goes wrong", async () => {
    const page = await studio.open();
    await page.click(".example >> nth=0");
    await finished(page);
    expect(await page.getAttribute(".frame img", "alt")).toContain("OPEN");
    expect(await page.locator(".strip img").count()).toBe(1);
    expect(page.faults).toEqual([]);
  });

  test("Ctrl+Enter on a phone draws, and the prompt survives a reload", async () => {
    const page = await studio.open({ viewport: PHONE, hasTouch: true, isMobile: true });
    await page.fill("#prompt", PROMPT);
    await page.keyboard.press("Control+Enter");
    await page.waitForSelector(".work-line");
    await page.reload();
    expect(await page.inputValue("#prompt")).toBe(PROMPT);
    await page.waitForSelector(".work-line, .stage .actions");
    await finished(page);
    const { data } = await studio.ask<{ data: { parameters: { positivePrompt: string } }[] }>("GET", "/v1/pictures");
    expect(data.filter(({ parameters }) => parameters.positivePrompt === PROMPT)).toHaveLength(2);
    expect(page.faults).toEqual([]);
  });
});
