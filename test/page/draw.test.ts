import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  begun,
  buildPage,
  draw,
  finished,
  hasChromium,
  PHONE,
  PROMPT,
  QUICK,
  type Studio,
  settled,
  startStudio,
} from "./studio.ts";

describe.skipIf(!hasChromium)("generating", () => {
  let studio: Studio;
  beforeAll(async () => {
    await buildPage();
    studio = await startStudio();
  });
  afterAll(() => studio?.stop());

  test("a first image: an example is there, one press generates it, without errors", async () => {
    const page = await studio.open({ draft: null });
    await page.click(".example >> nth=0");
    await finished(page);
    expect(await page.getAttribute(".frame img", "alt")).toContain("OPEN");
    expect(await page.locator(".strip img").count()).toBe(1);
    expect(page.faults).toEqual([]);
  });

  test("the forming image is visible, and the steps are counted", async () => {
    const page = await studio.open({ draft: { ...QUICK, steps: 60 } });
    await draw(page);
    await page.waitForSelector(".frame.rough img");
    expect(await page.getAttribute(".frame.rough img", "src")).toMatch(/^data:image\/webp;base64,/);
    expect(await page.textContent(".work-text")).toMatch(/step \d+ of 60/);
    await finished(page);
    expect(page.faults).toEqual([]);
  });

  test("several arrive one by one, each in its place; the whole set in one task", async () => {
    const page = await studio.open({ draft: { ...QUICK, numberResults: 4 } });
    await draw(page);
    await page.waitForSelector("button.sheet-cell");
    await expect.poll(() => page.locator("button.sheet-cell").count(), { timeout: 120_000 }).toBe(4);
    const [newest] = await studio.listed();
    expect((await studio.listed()).filter(({ taskUUID }) => taskUUID === newest!.taskUUID)).toHaveLength(4);
    expect(page.faults).toEqual([]);
  });

  test("twenty, of which three are starred by keys: seventeen are binned, and restored; from an image back to the sheet", async () => {
    const page = await studio.open({ draft: { ...QUICK, steps: 1, numberResults: 20 } });
    const mine = async (query = "") => (await studio.listed(`kind=drawn&q=twenty${query}`)).length;
    await draw(page, "one of twenty");
    await expect.poll(() => page.locator("button.sheet-cell").count(), { timeout: 180_000 }).toBe(20);
    await page.focus("body");
    for (let i = 0; i < 3; i++) {
      await page.keyboard.press("ArrowRight");
      await page.keyboard.press("s");
      await expect.poll(() => mine("&starred=true")).toBe(i + 1);
    }
    await page.click("text=Keep 3 starred, bin 17");
    await expect.poll(() => mine()).toBe(3);
    await expect.poll(() => page.locator("button.sheet-cell").count()).toBe(3);
    await page.click(".notice >> text=Undo");
    await expect.poll(() => mine()).toBe(20);
    await expect.poll(() => page.locator("button.sheet-cell").count()).toBe(20);
    await page.click("button.sheet-cell >> nth=4");
    await page.waitForSelector(".stage .actions");
    await page.click("text=Back to the sheet");
    await expect.poll(() => page.locator("button.sheet-cell").count()).toBe(20);
    expect(page.faults).toEqual([]);
  });

  test("*Use again* reproduces an image byte for byte", async () => {
    const page = await studio.open();
    await draw(page);
    await finished(page);
    const [before] = await studio.listed();
    await page.click(".actions >> text=Use again");
    expect(await page.inputValue(".seed input")).toBe(String(before!.seed));
    await draw(page, PROMPT);
    await expect
      .poll(async () => (await studio.listed())[0]!.imageUUID, { timeout: 120_000 })
      .not.toBe(before!.imageUUID);
    const [after] = await studio.listed();
    expect(Buffer.from(await studio.fileOf(after!)).equals(Buffer.from(await studio.fileOf(before!)))).toBe(true);
  });

  test("Ctrl+Enter on a phone generates; the prompt and the task survive a reload, and nothing is sent twice", async () => {
    const page = await studio.open({ viewport: PHONE, hasTouch: true, isMobile: true, draft: { ...QUICK, steps: 30 } });
    const prompt = 'A poster with the word "ONCE"';
    await page.fill("#prompt", prompt);
    await begun(page, () => page.keyboard.press("Control+Enter"));
    await page.reload();
    expect(await page.inputValue("#prompt")).toBe(prompt);
    await expect.poll(() => page.locator('.strip img[alt*="ONCE"]').count(), { timeout: 120_000 }).toBe(1);
    expect((await studio.listed()).filter(({ parameters }) => parameters.positivePrompt === prompt)).toHaveLength(1);
    expect(page.faults).toEqual([]);
  });

  test("images from other programs replace nothing: the open one stays, a chip counts them", async () => {
    const page = await studio.open();
    await page.waitForSelector(".stage .actions");
    await page.waitForSelector(".draw-bar >> text=/^about \\d+ s$/"); // what the server has learnt, on a page that has drawn nothing
    const shown = await page.getAttribute(".frame img", "src");
    const elsewhere = (positivePrompt: string) => ({
      ...{ taskType: "imageInference", taskUUID: crypto.randomUUID(), positivePrompt },
      ...QUICK,
    });
    await studio.ask("POST", "/v1", [elsewhere('A sign that says "NEW"')]);
    await page.waitForSelector(".chip >> text=1 new");
    await studio.ask("POST", "/v1", [elsewhere('A sign that says "NEWER"')]);
    await page.waitForSelector(".chip >> text=2 new");
    expect(await page.getAttribute(".frame img", "src")).toBe(shown);
    await page.click(".chip");
    expect(await page.getAttribute(".frame img", "alt")).toContain("NEWER");
    expect(await page.locator(".chip").count()).toBe(0);
    expect(page.faults).toEqual([]);
  });

  test("letters in the prompt trigger no shortcut, and the Enter that ends a composition sends nothing", async () => {
    const page = await studio.open();
    const before = (await studio.listed()).length;
    await page.focus("#prompt");
    await page.keyboard.type("sex? /e0[");
    expect(await page.inputValue("#prompt")).toBe("sex? /e0[");
    expect(new URL(page.url()).pathname).toBe("/");
    const devtools = await page.context().newCDPSession(page);
    await devtools.send("Input.imeSetComposition", { selectionStart: 1, selectionEnd: 1, text: "茶" });
    await devtools.send("Input.dispatchKeyEvent", {
      type: "rawKeyDown",
      key: "Enter",
      windowsVirtualKeyCode: 229,
      modifiers: 2,
    });
    await settled(page);
    expect(await page.locator(".work-line").count()).toBe(0);
    expect((await studio.listed()).length).toBe(before);
  });

  test("markup is text, and the policy applies", async () => {
    const page = await studio.open();
    await draw(page, `<img src=x onerror="document.title='gone'">`);
    await finished(page);
    expect(await page.title()).toBe("Inkstone");
    expect(await page.getAttribute(".frame img", "alt")).toContain("<img src=x");
    const refused = page.evaluate("document.body.insertAdjacentHTML('beforeend', '<b>x</b>')");
    await expect(refused).rejects.toThrow(/TrustedHTML/);
  });

  test("a refused parameter is marked in its place", async () => {
    const page = await studio.open({ draft: { ...QUICK, width: 130 } });
    await page.click(".shape-setting .link");
    await page.fill("#prompt", PROMPT);
    await page.click(".button.draw");
    await page.waitForSelector('[aria-invalid="true"]');
    expect(await page.textContent(".refusal")).toMatch(/width/i);
    expect(await page.inputValue("#prompt")).toBe(PROMPT);
  });
});
