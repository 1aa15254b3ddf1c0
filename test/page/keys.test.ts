import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { buildPage, draw, finished, hasChromium, type Studio, startStudio } from "./studio.ts";

const KEY = "a-key-that-nobody-guesses-4711";

describe.skipIf(!hasChromium)("keys", () => {
  let studio: Studio;
  beforeAll(async () => {
    await buildPage();
    studio = await startStudio({ INKSTONE_API_KEYS: KEY });
  });
  afterAll(() => studio?.stop());

  test("the page asks once, says when the key is wrong, and keeps the right one out of every address", async () => {
    const page = await studio.open();
    await page.waitForSelector("#key");
    await page.fill("#key", "wrong");
    await page.click("text=Open");
    await page.waitForSelector("text=The server does not know this key.");
    await page.fill("#key", KEY);
    await page.click("text=Open");
    await page.waitForSelector("#prompt");
    await draw(page);
    await finished(page);
    expect(page.asked.filter((address) => address.includes(KEY))).toEqual([]);
    expect(await page.evaluate("document.cookie")).toBe("");
    await page.reload();
    await page.waitForSelector("#prompt");
    await page.click('[aria-label="Menu"]');
    await page.click("text=Forget the key");
    await page.waitForSelector("#key");
  });

  test("a key in the fragment of a link is taken, and gone from the address", async () => {
    const page = await studio.open({ path: `/#key=${KEY}` });
    await page.waitForSelector("#prompt");
    expect(page.url()).not.toContain(KEY);
    expect(page.faults).toEqual([]);
  });
});
