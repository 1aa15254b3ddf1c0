import { mkdir, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { encodeImage } from "../../src/pictures/index.ts";
import { type Database, openDatabase } from "../../src/server/database/index.ts";
import {
  buildPage,
  draw,
  finished,
  hasChromium,
  PHONE,
  QUICK,
  type Studio,
  type StudioPage,
  startStudio,
} from "./studio.ts";

describe.skipIf(!hasChromium)("the gallery", () => {
  let studio: Studio;
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

  test("wildcards generate one set each; prompts can be searched", async () => {
    const page = await openGallery();
    expect(await page.locator(".grid-cell").count()).toBe(18);
    await page.fill("#gallery-search", "two");
    await expect.poll(() => page.locator(".grid-cell").count()).toBe(9);
    await page.fill("#gallery-search", "three");
    await page.waitForSelector("text=No pictures here.");
    expect(page.faults).toEqual([]);
  });

  test("the five selected images are binned, the focus moves to the neighbour, and undo restores them", async () => {
    const page = await openGallery();
    const all = await studio.listed();
    const cell = (i: number) => page.locator(`#cell-${all[i]!.imageUUID}`);
    await cell(2).click({ modifiers: ["Control"] });
    await cell(6).click({ modifiers: ["Shift"] });
    await page.waitForSelector("text=5 selected");
    await page.keyboard.press("Delete");
    await expect.poll(async () => (await studio.listed()).length).toBe(13);
    const left = (await studio.listed()).map(({ imageUUID }) => imageUUID);
    expect(left).toEqual(all.filter((_, i) => i < 2 || i > 6).map(({ imageUUID }) => imageUUID));
    expect(await page.evaluate("document.activeElement.id")).toBe(`cell-${all[7]!.imageUUID}`);
    expect(await studio.listed("binned=true")).toHaveLength(5);
    await page.click(".notice >> text=Undo");
    await expect.poll(async () => (await studio.listed()).length).toBe(18);
  });

  test("a star is kept, and visible in every list", async () => {
    const page = await openGallery();
    const [first] = await studio.listed();
    await page.click(`#cell-${first!.imageUUID}`);
    await page.click('dialog [aria-label="Star"]');
    await expect.poll(async () => (await studio.listed("starred=true")).length).toBe(1);
    await page.keyboard.press("Escape");
    await page.click("text=/^Starred$/");
    await expect.poll(() => page.locator(".grid-cell").count()).toBe(1);
    await page.reload();
    await expect.poll(() => page.locator(".grid-star").count()).toBe(1);
  });
});

describe.skipIf(!hasChromium)("an image in the viewer", () => {
  let studio: Studio;
  beforeAll(async () => {
    await buildPage();
    studio = await startStudio();
    const page = await studio.open({ draft: { ...QUICK, numberResults: 3, steps: 1 } });
    await draw(page, "A sign");
    await page.waitForSelector(".work-line", { state: "detached", timeout: 200_000 });
    await page.context().close();
  });
  afterAll(() => studio?.stop());

  test("is enlarged, and the result is among the derived ones", async () => {
    const page = await studio.open({ path: "/pictures" });
    await page.click(".grid-open >> nth=0");
    await page.click('dialog [aria-label="Enlarge"]');
    await page.waitForSelector("dialog >> text=256 × 256");
    await page.click("dialog .segments >> text=3×");
    await page.click("dialog .button.primary");
    await page.waitForSelector("dialog [role=status] >> text=384 × 384", { timeout: 120_000 });
    await page.keyboard.press("Escape");
    await page.keyboard.press("Escape");
    await page.click("text=/^Derived$/");
    await expect.poll(() => page.locator(".grid-cell").count()).toBe(1);
    expect(page.faults).toEqual([]);
    await page.context().close();
  });

  test("is traced into shapes, without actions that need pixels", async () => {
    const page = await studio.open({ path: "/pictures" });
    await page.click(".grid-open >> nth=0");
    await page.click('dialog [aria-label="Enlarge"]');
    await page.click("dialog .segments >> text=SVG");
    await page.click("dialog .button.primary");
    await page.waitForSelector("dialog >> text=/^Download$/", { timeout: 120_000 });
    await page.keyboard.press("Escape");
    await page.keyboard.press("Escape");
    const [traced] = await studio.listed("");
    expect(traced!.imageURL).toMatch(/\.svg$/);
    await page.goto(`${studio.base}/pictures`);
    await page.click("text=/^Derived$/");
    await page.click(".grid-open >> nth=0");
    await page.waitForFunction(
      "(() => { const image = document.querySelector('dialog .frame img'); return image?.complete && image.naturalWidth > 0; })()",
    );
    await page.waitForSelector('dialog [aria-label="Download"]');
    expect(await page.locator('dialog [aria-label="Enlarge"], dialog [aria-label="Edit"]').count()).toBe(0);
    expect(page.faults).toEqual([]);
    await page.context().close();
  });

  test("has keys: star, details, the next one; binned, its neighbour replaces it; after Select a finger selects", async () => {
    const page = await studio.open({ path: "/pictures" });
    const all = await studio.listed();
    const shown = () => page.getAttribute("dialog .frame img", "src");
    await page.click(".grid-open >> nth=0");
    await page.keyboard.press("s");
    await page.waitForSelector('dialog [aria-label="Remove the star"]');
    await page.keyboard.press("i");
    await expect.poll(() => page.locator("dialog[open]").count()).toBe(2);
    await page.keyboard.press("Delete"); // the viewer below hears nothing
    await page.keyboard.press("Escape");
    await page.keyboard.press("Delete");
    await expect.poll(shown).toContain(all[1]!.imageUUID);
    await page.keyboard.press("ArrowRight");
    await expect.poll(shown).toContain(all[2]!.imageUUID);
    await page.keyboard.press("Escape");
    expect(await studio.listed()).toHaveLength(2);
    await page.click("text=/^Select$/");
    await page.click(".grid-open >> nth=1");
    await page.waitForSelector("text=1 selected");
    expect(await page.locator("dialog[open]").count()).toBe(0);
    await page.click("text=/^Select$/");
    await page.fill('input[type="date"]', "2020-01-01");
    await page.waitForSelector("text=No pictures here.");
    expect(page.faults).toEqual([]);
  });
});

describe.skipIf(!hasChromium)("two tabs", () => {
  let studio: Studio;
  beforeAll(async () => {
    await buildPage();
    studio = await startStudio({}, async (folder) => {
      const card = join(folder, "models", "second", "card.json");
      await mkdir(dirname(card), { recursive: true });
      await writeFile(card, JSON.stringify({ air: "me:second@1", name: "A second one" }));
    });
  });
  afterAll(() => studio?.stop());

  test("each shows changes of the other without a reload: generated, starred, binned, restored, imported; models too", async () => {
    const [here, there] = [await studio.open(), await studio.open({ path: "/pictures" })];
    await there.waitForSelector("text=No pictures here.");
    await draw(here, "A sign");
    await there.waitForSelector('.grid-cell img[alt^="A sign"]');
    await finished(here);
    await here.click('.actions [aria-label="Star"]');
    await there.waitForSelector(".grid-cell .grid-star");
    await here.click('.actions [aria-label="Bin"]');
    await there.waitForSelector(".grid-cell", { state: "detached" });
    await here.click(".notice >> text=Undo");
    await there.waitForSelector(".grid-cell .grid-star");
    await there.click("text=/^Uploaded$/");
    await there.waitForSelector("text=No pictures here.");
    const file = await encodeImage({ width: 16, height: 16, pixels: new Uint8Array(768).fill(9) }, { format: "PNG" });
    await here.evaluate(
      `fetch("/v1/pictures", { method: "POST", headers: { "content-type": "image/png" }, body: new Uint8Array([${[...file]}]) })`,
    );
    await there.waitForSelector(".grid-cell");
    expect(await there.locator(".model-choice option").count()).toBe(2);
    await rm(join(studio.folder, "models", "second"), { recursive: true });
    await expect.poll(() => there.locator(".model-choice option").count(), { timeout: 20_000 }).toBe(1);
    expect([...here.faults, ...there.faults]).toEqual([]);
  });
});

/** A page whose gallery has records of images without files. `createdAt` is as for `insertImages`. */
async function studioWithImages(count: number, createdAt: string): Promise<Studio> {
  await buildPage();
  return startStudio({}, async (folder) => {
    const db = await openDatabase({ dataDir: join(folder, "database") });
    await insertImages(db, count, createdAt);
    await db.close();
  });
}

/** Records of images without files. `createdAt` is SQL for the n-th, from 1 on. */
async function insertImages(db: Database, count: number, createdAt: string): Promise<void> {
  await db.query(
    `insert into images (image_uuid, owner, index, seed, output_format, file_name, content_type, width, height, byte_length,
                         created_at, delete_at, parameters)
     select id, 'local', 0, n::text, 'PNG', id || '.png', 'image/png', 128, 128, 1000,
            ${createdAt}, now() + interval '1 year',
            json_build_object('positivePrompt', 'picture ' || n, 'model', 'inkstone:nano@1')::text
     from (select n, overlay(overlay(gen_random_uuid()::text placing '4' from 15) placing '8' from 20) as id
           from generate_series(1, ${count}) n) made`,
  );
}

describe.skipIf(!hasChromium)("images of four months", () => {
  let studio: Studio;
  beforeAll(async () => {
    studio = await studioWithImages(8, "timestamptz '2025-12-15 12:00Z' - make_interval(months => 5 * ((n - 1) / 2))");
  });
  afterAll(() => studio?.stop());

  test.each([{}, { viewport: PHONE, hasTouch: true, isMobile: true }])(
    "the rail leads to each of them: %j",
    async (device) => {
      const page = await studio.open({ path: "/pictures", ...device });
      const marks = page.locator(".date-rail button");
      await expect.poll(() => marks.allTextContents()).toEqual(["Newest", "Jul 2025", "Feb 2025", "Sep 2024"]);
      const cells = () => page.locator(".grid-cell").count();
      await expect.poll(cells).toBe(8);
      await marks.nth(2).click();
      await expect.poll(cells).toBe(4);
      expect(await page.locator(".grid-day").first().textContent()).toBe("February 15, 2025");
      expect(await page.locator('.date-rail [aria-current="date"]').textContent()).toBe("Feb 2025");
      await page.fill("#gallery-search", "picture 8");
      await expect.poll(() => marks.count()).toBe(0);
      await page.fill("#gallery-search", "");
      await page.click(".date-rail >> text=Newest");
      await expect.poll(cells).toBe(8);
      expect(await page.evaluate("document.documentElement.scrollWidth")).toBe(page.viewportSize()!.width);
      await page.context().close();
    },
  );
});

describe.skipIf(!hasChromium)("ten thousand images", () => {
  let studio: Studio;
  beforeAll(async () => {
    // A day in ten apart, so that there are days to be headed.
    studio = await studioWithImages(10_000, "now() - make_interval(mins => n)");
  });
  afterAll(() => studio?.stop());

  test("scroll to the last with few of them in the document, and can be searched", async () => {
    const page = await studio.open({ path: "/pictures" });
    await page.waitForSelector(".grid-cell");
    const cells = () => page.locator(".grid-cell").count();
    const scroll = "document.querySelector('.grid-scroller')";
    let most = 0;
    await expect
      .poll(
        async () => {
          await page.evaluate(`${scroll}.scrollTop = ${scroll}.scrollHeight`);
          most = Math.max(most, await cells());
          return page.locator('img[alt^="picture 10000,"]').count();
        },
        { timeout: 200_000, interval: 100 },
      )
      .toBe(1);
    expect(most).toBeLessThanOrEqual(300);
    await page.fill("#gallery-search", "picture 9999");
    await expect.poll(cells, { timeout: 30_000 }).toBe(1);
    await page.context().close();
  });

  test("on a phone too", async () => {
    const page = await studio.open({ path: "/pictures", viewport: PHONE, hasTouch: true, isMobile: true });
    await page.waitForSelector(".grid-cell");
    expect(await page.locator(".grid-cell").count()).toBeLessThanOrEqual(300);
    expect(await page.evaluate("document.documentElement.scrollWidth")).toBe(PHONE.width);
  });
});
