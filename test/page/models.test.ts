/** Models on the page: editing ones and their pictures, styles that are fetched, what is in memory. */

import { readdir, readFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join, relative } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { decodeImage, encodeImage } from "../../src/pictures/index.ts";
import { installModel } from "../contract/server.ts";
import { type StandInHub, startHub } from "../stand-ins/hub.ts";
import {
  buildPage,
  draw,
  drop,
  finished,
  hasChromium,
  type Listed,
  QUICK,
  type Studio,
  settled,
  startStudio,
} from "./studio.ts";

const EDITING = "alibaba:qwen-image-edit@2511";

/** A tiny checkpoint, as a repository. */
async function checkpointFiles(): Promise<Record<string, Uint8Array>> {
  const folder = "test/fixtures/half/checkpoint";
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const files = await Promise.all(paths.map(async (path) => [relative(folder, path), await readFile(path)] as const));
  return Object.fromEntries(files);
}

describe.skipIf(!hasChromium)("models", () => {
  let studio: Studio;
  let hub: StandInHub;
  beforeAll(async () => {
    await buildPage();
    hub = await startHub(await checkpointFiles());
    studio = await startStudio({ INKSTONE_ALLOWED_ADDRESSES: "127.0.0.0/8", HF_ENDPOINT: hub.url }, installModel);
  });
  afterAll(async () => {
    await studio?.stop();
    hub?.close();
  });

  const draft = { model: EDITING, steps: 2, CFGScale: 4, outputFormat: "PNG" };
  const photo = (shade: number) =>
    encodeImage({ width: 60, height: 30, pixels: new Uint8Array(60 * 30 * 3).fill(shade) }, { format: "PNG" });

  test("a dropped image becomes a reference, an instruction is written, the result has its shape", async () => {
    const page = await studio.open({ draft });
    await page.waitForSelector(".references");
    await drop(page, await photo(90), "photo.png", "image/png");
    await page.click("dialog >> text=Use it as a reference");
    await page.waitForSelector('.references img[alt="picture 1"]');
    await drop(page, await photo(160), "other.png", "image/png");
    await page.click("dialog >> text=Use it as a reference");
    await page.waitForSelector('.references img[alt="picture 2"]');
    await draw(page, "Make picture 1 as light as picture 2");
    await finished(page);
    const [result] = await studio.listed();
    const brought = (await studio.listed("kind=upload")).map(({ imageUUID }) => imageUUID).toReversed();
    expect(result!.parents).toEqual(brought);
    expect(result!.width).toBeGreaterThan(result!.height);
    await page.click('[aria-label="Remove: picture 1"]');
    expect(await page.locator(".references li").count()).toBe(1);
    expect(page.faults).toEqual([]);
    await page.context().close();
  });

  test("from the gallery: edit this, describe the change, see the result; with paint, the rest stays", async () => {
    const page = await studio.open({ draft, path: "/pictures" });
    await page.click(".grid-open >> nth=0");
    await page.click("dialog .actions >> text=/^Edit$/");
    await page.waitForSelector(".mask-canvas");
    const [source] = await studio.listed();
    expect(new URL(page.url()).pathname).toBe(`/edit/${source!.imageUUID}`);
    expect(await page.inputValue(".edit-prompt")).toBe("");
    await page.fill(".edit-prompt", "Turn it blue");
    await page.click(".button.draw");
    await page.waitForSelector(".edit-results .actions");
    const [result] = await studio.listed();
    expect(result!.parameters).toMatchObject({
      positivePrompt: "Turn it blue",
      inputs: { referenceImages: [source!.imageUUID] },
    });
    expect(page.faults).toEqual([]);
    await page.context().close();
  });

  test("with paint, an editing model changes the tinted part and no other pixel", async () => {
    const begin = await studio.open({ draft: { ...QUICK, steps: 2 } });
    await draw(begin, "a picture to paint on");
    await finished(begin);
    await begin.context().close();
    const [source] = await studio.listed();
    const page = await studio.open({ draft, path: `/edit/${source!.imageUUID}` });
    await page.waitForSelector(".mask-canvas");
    await page.fill(".edit-prompt", "Make this corner red");
    // A box by the keys: it begins as the middle half, and is moved two steps to the right.
    await page.keyboard.press("Escape");
    await page.focus(".mask-canvas");
    await page.keyboard.press("r");
    await page.waitForSelector('.tool-bar [aria-label="Box"][aria-pressed="true"]');
    await settled(page); // the canvas hears of the tool after the button
    for (const key of ["ArrowRight", "ArrowRight", "Enter"]) await page.keyboard.press(key);
    await page.waitForSelector(".draw-bar >> text=The tinted area is redrawn. The rest stays, bit for bit.");
    await page.click(".button.draw >> text=Redraw");
    await page.waitForSelector(".edit-results .actions");
    const [result] = await studio.listed();
    expect(result!.parents).toEqual(expect.arrayContaining([source!.imageUUID]));
    expect(result!.parameters.inputs).toMatchObject({
      referenceImages: [source!.imageUUID],
      seedImage: source!.imageUUID,
    });
    expect([result!.width, result!.height]).toEqual([source!.width, source!.height]);
    const pixelsOf = async (image: Listed) => (await decodeImage(await studio.fileOf(image))).pixels;
    const [old, fresh] = [await pixelsOf(source!), await pixelsOf(result!)];
    const { width, height } = source!;
    const [left, right] = [width / 4 + width / 16, (3 * width) / 4 + width / 16];
    let changed = 0;
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const at = 3 * (y * width + x);
        const same = [0, 1, 2].every((c) => old[at + c] === fresh[at + c]);
        const painted = x >= left - 1 && x <= right && y >= height / 4 - 1 && y <= (3 * height) / 4;
        if (!painted) expect(same, `${x}, ${y}`).toBe(true);
        else if (!same) changed++;
      }
    }
    expect(changed).toBeGreaterThan(100);
    expect(page.faults).toEqual([]);
    await page.context().close();
  });

  test("with another model the image becomes the seed image, and back", async () => {
    const page = await studio.open({ draft });
    await drop(page, await photo(90), "photo.png", "image/png");
    await page.click("dialog >> text=Use it as a reference");
    await page.waitForSelector(".references img");
    await page.selectOption(".model-choice", "inkstone:nano@1");
    await page.waitForSelector(".starting-picture");
    expect(await page.locator(".references").count()).toBe(0);
    await page.selectOption(".model-choice", EDITING);
    await page.waitForSelector(".references img");
    expect(await page.locator(".starting-picture").count()).toBe(0);
    await page.context().close();
  });

  test("all parameters come from the model's own schema, in groups", async () => {
    const page = await studio.open({ draft });
    await page.click(".disclosure");
    await page.click("text=All parameters");
    await page.waitForSelector(".drawer-group >> text=Input pictures");
    const legends = () => page.locator(".drawer legend").allTextContents();
    expect(await legends()).not.toContain("controlNet");
    await page.keyboard.press("Escape");
    await page.selectOption(".model-choice", "inkstone:nano@1");
    await page.click("text=All parameters");
    await expect.poll(legends).toContain("controlNet");
    await page.context().close();
  });

  test("the server loads the model of a new page, and the chosen one, before the first image", async () => {
    await studio.kill();
    await studio.start();
    const inMemory = async () => (await studio.ask<{ model?: object }>("GET", "/v1/status")).model;
    expect(await inMemory()).toBeUndefined();
    const page = await studio.open();
    await expect.poll(inMemory, { timeout: 20_000 }).toEqual({ air: QUICK.model, state: "ready" });
    await page.selectOption(".model-choice", EDITING);
    await expect.poll(inMemory, { timeout: 20_000 }).toEqual({ air: EDITING, state: "ready" });
    const other = await studio.open();
    await other.waitForSelector(".model-choice");
    await settled(other);
    expect(await inMemory()).toEqual({ air: EDITING, state: "ready" });
    expect([...page.faults, ...other.faults]).toEqual([]);
    await page.context().close();
    await other.context().close();
  });

  test("the model in memory is shown; a style is downloaded by its address, with its progress", async () => {
    const file = await readFile("test/fixtures/lora/files/peft.safetensors");
    const page = await studio.open({ path: "/models" });
    await page.waitForSelector("text=Device: ");
    await page.waitForSelector(".model-row:has-text('2511, tiny') .model-state >> text=in memory");
    const source: Server = createServer((_request, response) => response.end(file)).listen(0, "127.0.0.1");
    await new Promise((resolve) => source.once("listening", resolve));
    await page.selectOption("form select", "lora");
    await page.fill(
      'input[type="url"]',
      `http://127.0.0.1:${(source.address() as AddressInfo).port}/style.safetensors`,
    );
    await page.fill("form input:not([type])", "Dropped style");
    await page.click("text=/^Fetch$/");
    await page.waitForSelector(".model-row >> text=Dropped style");
    source.close();
    expect(page.faults).toEqual([]);
    await page.context().close();
  });

  test("a checkpoint of the hub is downloaded by its address, and used", async () => {
    const page = await studio.open({ path: "/models" });
    await page.fill("form input:not([type])", "From the hub");
    await page.fill('input[type="url"]', "https://huggingface.co/not-a-repository");
    await page.click("text=/^Fetch$/");
    await page.waitForSelector(".fetch-model .fault >> text=https://huggingface.co/OWNER/NAME");
    await page.fill('input[type="url"]', "https://huggingface.co/me/model");
    await page.click("text=/^Fetch$/");
    await page.waitForSelector(".fetch-model [role=status]");
    await page.click(".model-row:has-text('From the hub') >> text=/^Use$/");
    expect(await page.inputValue(".model-choice")).toBe("local:from-the-hub@1");
    expect(page.faults.filter((fault) => !fault.includes("400"))).toEqual([]); // what was refused
    await page.context().close();
  });

  test("the time to keep an image can be set for new ones, and changed", async () => {
    const page = await studio.open({ draft: QUICK });
    await page.click('[aria-label="Menu"]');
    await page.selectOption(".menu-choice select", { label: "for 7 days" });
    await page.keyboard.press("Escape");
    await draw(page);
    await finished(page);
    const newest = async () => (await studio.listed())[0]!;
    const days = (Date.parse((await newest()).expiresAt!) - Date.now()) / 86_400_000;
    expect(days).toBeGreaterThan(6.9);
    expect(days).toBeLessThan(7.1);
    await page.click('.actions [aria-label="Details"]');
    await page.selectOption('dialog [aria-label="Kept"]', { label: "until you delete it" });
    await expect.poll(async () => (await newest()).expiresAt).toBeNull();
    expect(page.faults).toEqual([]);
  });

  test("an image of an unsupported size is redrawn at about its shape, with a note before", async () => {
    const wide = await encodeImage(
      { width: 300, height: 131, pixels: new Uint8Array(300 * 131 * 3).fill(70) },
      { format: "PNG" },
    );
    const page = await studio.open({ draft: { ...QUICK, steps: 2 } });
    await drop(page, wide, "wide.png", "image/png");
    await page.click("dialog >> text=Edit it");
    await page.waitForSelector(".draw-bar >> text=The new picture will be 304 × 128.");
    await page.click(".button.draw");
    await page.waitForSelector(".edit-results .actions");
    const [result] = await studio.listed();
    expect([result!.width, result!.height]).toEqual([304, 128]);
    await page.context().close();
  });
});
