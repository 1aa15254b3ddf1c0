import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { encodeImage } from "../../src/pictures/index.ts";
import { buildPage, draw, hasChromium, QUICK, type Studio, type StudioPage, startStudio } from "./studio.ts";

interface Listed {
  readonly imageUUID: string;
  readonly starred: boolean;
}

describe.skipIf(!hasChromium)("the gallery", () => {
  let studio: Studio;
  const listed = async (query = "kind=drawn") =>
    (await studio.ask<{ data: Listed[] }>("GET", `/v1/pictures?${query}`)).data;
  beforeAll(async () => {
    await buildPage();
    studio = await startStudio();
    const page = await studio.open({ draft: { ...QUICK, numberResults: 9, steps: 2 } });
    await draw(page, "A sign that says {ONE|TWO}");
    await page.waitForSelector(".work-line", { state: "detached", timeout: 200_000 });
    await page.context().close();
  });
  afterAll(() => studio?.stop());

  const openGallery = async (): Promise<StudioPage> => {
    const page = await studio.open({ path: "/pictures" });
    await page.waitForSelector(".grid-cell");
    return page;
  };

  test("wildcards drew one set of each; words are searched for", async () => {
    const page = await openGallery();
    expect(await page.locator(".grid-cell").count()).toBe(18);
    await page.fill("#gallery-search", "two");
    await expect.poll(() => page.locator(".grid-cell").count()).toBe(9);
    await page.fill("#gallery-search", "three");
    await page.waitForSelector("text=No pictures here.");
    expect(page.faults).toEqual([]);
  });

  test("of a selection of five these five are binned, the focus is on the neighbour, and undo brings them back", async () => {
    const page = await openGallery();
    const all = await listed();
    const cell = (i: number) => page.locator(`#cell-${all[i]!.imageUUID}`);
    await cell(2).click({ modifiers: ["Control"] });
    await cell(6).click({ modifiers: ["Shift"] });
    await page.waitForSelector("text=5 selected");
    await page.keyboard.press("Delete");
    await expect.poll(async () => (await listed()).length).toBe(13);
    const left = (await listed()).map(({ imageUUID }) => imageUUID);
    expect(left).toEqual(all.filter((_, i) => i < 2 || i > 6).map(({ imageUUID }) => imageUUID));
    expect(await page.evaluate("document.activeElement.id")).toBe(`cell-${all[7]!.imageUUID}`);
    expect(await listed("binned=true")).toHaveLength(5);
    await page.click(".notice >> text=Undo");
    await expect.poll(async () => (await listed()).length).toBe(18);
  });

  test("a star is kept, and shown in every list", async () => {
    const page = await openGallery();
    const [first] = await listed();
    await page.click(`#cell-${first!.imageUUID}`);
    await page.click('dialog [aria-label="Star"]');
    await expect.poll(async () => (await listed("starred=true")).length).toBe(1);
    await page.keyboard.press("Escape");
    await page.click("text=/^Starred$/");
    await expect.poll(() => page.locator(".grid-cell").count()).toBe(1);
    await page.reload();
    await expect.poll(() => page.locator(".grid-star").count()).toBe(1);
  });

  test("a picture that was dropped offers its settings, and takes nothing over unasked", async () => {
    const page = await studio.open();
    const pixels = { width: 32, height: 32, pixels: new Uint8Array(32 * 32 * 3) };
    const parameters = { positivePrompt: "from a file", seed: 2n ** 63n - 1n, steps: 7 };
    const file = await encodeImage(pixels, { format: "WEBP", metadata: { software: "inkstone", parameters } });
    await drop(page, file, "picture.webp", "image/webp");
    await page.waitForSelector("dialog >> text=from a file");
    expect(await page.inputValue("#prompt")).toBe("");
    await page.click("dialog >> text=Use all settings");
    expect(await page.inputValue("#prompt")).toBe("from a file");
    expect(await page.inputValue(".seed input")).toBe("9223372036854775807");
    await page.click(".notice >> text=Undo");
    expect(await page.inputValue("#prompt")).toBe("");
  });

  test("SVG and HTML under a picture's name are refused, and the page stays where it is", async () => {
    const page = await studio.open();
    for (const text of ["<svg xmlns='http://www.w3.org/2000/svg'/>", "<!doctype html><script>1</script>"]) {
      await drop(page, Buffer.from(text), "picture.png", "image/png");
      await page.waitForSelector("text=This is not a PNG, JPEG or WEBP picture.");
      await page.click('.notice [aria-label="Close"]');
    }
    expect(new URL(page.url()).pathname).toBe("/");
  });
});

/** Drops a file onto the page. */
async function drop(page: StudioPage, bytes: Uint8Array, name: string, type: string): Promise<void> {
  await page.evaluate(`
    const bytes = Uint8Array.from(atob("${Buffer.from(bytes).toString("base64")}"), (c) => c.charCodeAt(0));
    const data = new DataTransfer();
    data.items.add(new File([bytes], "${name}", { type: "${type}" }));
    document.body.dispatchEvent(new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true }));
  `);
}
