import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { decodeImage } from "../../src/pictures/index.ts";
import {
  buildPage,
  draw,
  finished,
  hasChromium,
  type Listed,
  PHONE,
  QUICK,
  type Studio,
  type StudioPage,
  settled,
  startStudio,
} from "./studio.ts";

describe.skipIf(!hasChromium)("editing", () => {
  let studio: Studio;
  let source: Listed;
  const pixelsOf = async (image: Listed) => decodeImage(await studio.fileOf(image));

  beforeAll(async () => {
    await buildPage();
    studio = await startStudio();
    const page = await studio.open();
    await draw(page);
    await finished(page);
    [source] = (await studio.listed()) as [Listed];
    await page.context().close();
  });
  afterAll(() => studio?.stop());

  /** The picture's place on the canvas: it is fitted, at four pixels for one at most. */
  async function onPicture(page: StudioPage, x: number, y: number): Promise<readonly [number, number]> {
    const box = (await page.locator(".mask-canvas").boundingBox())!;
    const scale = Math.min((box.width - 48) / source.width, (box.height - 48) / source.height, 4);
    const left = box.x + (box.width - source.width * scale) / 2;
    const top = box.y + (box.height - source.height * scale) / 2;
    return [left + x * scale, top + y * scale];
  }
  async function drag(page: StudioPage, from: readonly [number, number], to: readonly [number, number]): Promise<void> {
    await page.mouse.move(...(await onPicture(page, ...from)));
    await page.mouse.down();
    await page.mouse.move(...(await onPicture(page, ...to)), { steps: 8 });
    await page.mouse.up();
  }
  async function openEdit(options = {}): Promise<StudioPage> {
    const page = await studio.open({ path: `/edit/${source.imageUUID}`, ...options });
    await page.waitForSelector(".mask-canvas");
    await settled(page);
    return page;
  }
  const newest = async (before: number) => {
    await expect.poll(async () => (await studio.listed()).length, { timeout: 120_000 }).toBe(before + 1);
    return (await studio.listed())[0]!;
  };

  test("the painted part is redrawn, every other pixel stays bit for bit", async () => {
    const page = await openEdit();
    const before = (await studio.listed()).length;
    await page.keyboard.press("r");
    await drag(page, [32, 40], [96, 88]);
    await page.fill(".edit-prompt", 'A sign that says "SHUT"');
    await page.click(".button.draw");
    const result = await newest(before);
    expect(result.parents).toContain(source.imageUUID);
    const [old, fresh] = [await pixelsOf(source), await pixelsOf(result)];
    let inside = 0;
    for (let y = 0; y < source.height; y++) {
      for (let x = 0; x < source.width; x++) {
        const at = 3 * (y * source.width + x);
        const same = [0, 1, 2].every((c) => old.pixels[at + c] === fresh.pixels[at + c]);
        const painted = x >= 31 && x <= 96 && y >= 39 && y <= 88;
        if (painted && !same) inside++;
        if (!painted) expect(same, `${x}, ${y}`).toBe(true);
      }
    }
    expect(inside).toBeGreaterThan(100);
    await page.waitForSelector(".edit-results .actions");
    expect(page.faults).toEqual([]);
  });

  test("brush, eraser, undo, redo and invert make the mask that is sent; it survives a reload", async () => {
    const page = await openEdit();
    await page.click('[aria-label="Brush"]');
    await drag(page, [20, 20], [100, 20]);
    await page.keyboard.press("e");
    await drag(page, [60, 10], [60, 30]);
    await page.keyboard.press("x");
    for (let i = 0; i < 3; i++) await page.keyboard.press("Control+z");
    for (let i = 0; i < 3; i++) await page.keyboard.press("Control+Shift+z");
    await page.reload();
    await page.waitForSelector(".mask-canvas");
    expect(await page.isDisabled('[aria-label="Undo"]')).toBe(false);
    const before = (await studio.listed()).length;
    await page.click(".button.draw");
    await newest(before);
    const [mask] = await studio.listed("kind=upload");
    const { pixels, width } = await pixelsOf(mask!);
    const at = (x: number, y: number) => pixels[3 * (y * width + x)];
    expect([at(25, 20), at(60, 20), at(64, 100)]).toEqual([0, 255, 255]);
  });

  test("an image extended to the left has the requested width, and its old part stays", async () => {
    const page = await openEdit();
    const before = (await studio.listed()).length;
    await page.click('[aria-label="Extend the picture"]');
    await page.fill('.pair .field:has-text("Left") input', "64");
    expect(await page.textContent(".draw-bar")).toContain(`${source.width + 64} × ${source.height}`);
    await page.click(".button.draw");
    const result = await newest(before);
    expect([result.width, result.height]).toEqual([source.width + 64, source.height]);
    const [old, fresh] = [await pixelsOf(source), await pixelsOf(result)];
    for (const x of [20, 64, 120]) {
      const [a, b] = [3 * (64 * source.width + x), 3 * (64 * result.width + x + 64)];
      expect([...fresh.pixels.subarray(b, b + 3)]).toEqual([...old.pixels.subarray(a, a + 3)]);
    }
  });

  test("one finger paints and the page stays; a second one moves the image and undoes the start of the stroke", async () => {
    const page = await openEdit({ hasTouch: true, isMobile: true, viewport: PHONE, draft: QUICK });
    const box = (await page.locator(".mask-canvas").boundingBox())!;
    const [left, top] = [box.x + box.width / 2, box.y];
    const devtools = await page.context().newCDPSession(page);
    const touch = (
      type: "touchStart" | "touchMove" | "touchEnd" | "touchCancel",
      ...points: [x: number, y: number][]
    ) =>
      devtools.send("Input.dispatchTouchEvent", {
        type,
        touchPoints: points.map(([x, y], id) => ({ x: left + x, y: top + y, id })),
      });
    const strokes = async () =>
      (await page.evaluate(
        `JSON.parse(localStorage["inkstone.edits"] ?? "{}")["${source.imageUUID}"]?.mask.strokes.length ?? 0`,
      )) as number;
    const picture = () => page.locator(".mask-canvas").screenshot();
    const before = await strokes(); // the mask of the test before is still there

    await touch("touchStart", [0, 150]);
    for (let y = 150; y < 260; y += 10) await touch("touchMove", [0, y]);
    await touch("touchEnd");
    expect(await page.evaluate("document.querySelector('.edit-screen').scrollTop")).toBe(0);
    await expect.poll(strokes).toBe(before + 1);

    const unmoved = await picture();
    await touch("touchStart", [0, 150]);
    await touch("touchMove", [0, 160]);
    await touch("touchStart", [0, 160], [60, 160]);
    for (let y = 160; y < 230; y += 10) await touch("touchMove", [0, y], [60, y]);
    await touch("touchEnd");
    await expect.poll(async () => (await picture()).equals(unmoved)).toBe(false);
    expect(await strokes()).toBe(before + 1);
    await page.click('[aria-label="Fit"]');

    await touch("touchStart", [-40, 150]);
    await touch("touchMove", [-40, 200]);
    await touch("touchCancel");
    await expect.poll(strokes).toBe(before + 2);
    await touch("touchStart", [40, 150]); // the one that was cancelled is over: this is another
    await touch("touchMove", [40, 180]);
    await touch("touchEnd");
    await expect.poll(strokes).toBe(before + 3);
    expect(page.faults).toEqual([]);
  });

  test("another image begins without a mask", async () => {
    const page = await openEdit();
    const other = (await studio.listed()).find(({ imageUUID }) => imageUUID !== source.imageUUID)!;
    expect(await page.isDisabled('[aria-label="Undo"]')).toBe(true); // nothing of another person's browser either
    await drag(page, [20, 20], [60, 20]);
    expect(await page.isDisabled('[aria-label="Undo"]')).toBe(false);
    await page.evaluate(
      `history.pushState(null, "", "/edit/${other.imageUUID}"); dispatchEvent(new PopStateEvent("popstate"))`,
    );
    await expect.poll(() => page.isDisabled('[aria-label="Undo"]')).toBe(true);
    await page.goBack();
    await page.waitForSelector(".mask-canvas");
    await expect.poll(() => page.isDisabled('[aria-label="Undo"]')).toBe(false);
  });
});
