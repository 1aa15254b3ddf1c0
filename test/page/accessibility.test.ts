import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { encodeImage } from "../../src/pictures/index.ts";
import {
  buildPage,
  DESKTOP,
  draw,
  drop,
  hasChromium,
  type OpenOptions,
  PHONE,
  QUICK,
  type Studio,
  type StudioPage,
  settled,
  startStudio,
} from "./studio.ts";

const AXE = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

interface Violation {
  readonly id: string;
  readonly impact: string;
  readonly nodes: readonly { readonly html: string }[];
}

/** What axe finds, in words. */
async function violations(page: StudioPage): Promise<string[]> {
  const found = (await page.evaluate("axe.run().then(({ violations }) => violations)")) as Violation[];
  return found.map(
    ({ id, impact, nodes }) => `${id} (${impact}): ${nodes.map(({ html }) => html.slice(0, 160)).join(" ")}`,
  );
}

const KEY = "a-key-for-everybody";

/** A picture that says how it was made: all that can be done with one is offered. */
const dropped = () => {
  const pixels = new Uint8Array(32 * 32 * 3).fill(120);
  const parameters = { positivePrompt: "A sign", model: "inkstone:nano@1", seed: 5 };
  return encodeImage(
    { width: 32, height: 32, pixels },
    { format: "PNG", metadata: { software: "inkstone", parameters } },
  );
};

/** What lies over the screens, and how it is opened on the Draw screen. */
const OVERLAYS: Readonly<Record<string, (page: StudioPage) => Promise<void>>> = {
  menu: (page) => page.click('[aria-label="Menu"], [aria-label="菜单"]'),
  keys: (page) => page.keyboard.press("?"),
  enlarging: (page) => page.click(".actions .only-icon >> nth=2"),
  code: (page) => page.click(".actions .only-icon >> nth=-3"),
  details: (page) => page.click(".actions .only-icon >> nth=-2"),
  compare: (page) => page.click(".actions .only-icon >> nth=1"),
  parameters: async (page) => {
    if ((await page.getAttribute(".disclosure", "aria-expanded")) === "false") await page.click(".disclosure");
    await page.click(".more-body > .button");
  },
  "a dropped picture": async (page) => drop(page, await dropped(), "ours.png", "image/png"),
  viewer: async (page) => {
    await page.click('.header nav a[href="/pictures"]');
    await page.click(".grid-open >> nth=0");
  },
  "choosing a picture": (page) => page.click(".starting-none .button"),
};

/** Texts that do not fit where they stand, of controls that are seen. */
const CUT = `[...document.querySelectorAll("button, a, label, legend, th, .segments button, .menu-item, h1, h2")]
  .filter((e) => e.checkVisibility() && e.clientWidth > 1 && e.scrollWidth > e.clientWidth + 1)
  .filter((e) => !["auto", "scroll"].includes(getComputedStyle(e).overflowX))
  .map((e) => e.outerHTML.slice(0, 120))`;

describe.skipIf(!hasChromium)("the page is accessible", () => {
  let studio: Studio;
  let image = "";
  beforeAll(async () => {
    await buildPage();
    studio = await startStudio({ INKSTONE_API_KEYS: KEY });
    const page = await studio.open({ path: `/#key=${KEY}`, draft: { ...QUICK, numberResults: 2 } });
    await draw(page);
    await page.waitForSelector(".work-line", { state: "detached", timeout: 180_000 });
    const listed = `fetch("/v1/pictures", { headers: { authorization: "Bearer ${KEY}" } }).then((r) => r.json())`;
    const newest = async () => ((await page.evaluate(listed)) as { data: { imageUUID: string }[] }).data[0]!.imageUUID;
    image = await vi.waitFor(newest, { timeout: 60_000, interval: 200 });
    await page.context().close();
  });
  afterAll(() => studio?.stop());

  // axe is put into the page from outside, which the page's own policy forbids.
  const open = async (options: OpenOptions = {}) => {
    const page = await studio.open({ path: `/#key=${KEY}`, bypassCSP: true, ...options });
    await page.evaluate(AXE);
    return page;
  };
  const goTo = async (page: StudioPage, screen: string) => {
    await page.evaluate(`history.pushState(null, "", "${screen}"); dispatchEvent(new PopStateEvent("popstate"))`);
    await page.waitForSelector("main:not([aria-busy]) h1", { state: "attached" });
    await settled(page);
  };
  const screens = () => ["/", `/edit/${image}`, "/edit", "/pictures", "/explore", "/models", "/server"];

  for (const colorScheme of ["light", "dark"] as const) {
    for (const locale of ["en-GB", "zh-CN"]) {
      for (const [device, viewport] of [
        ["desktop", DESKTOP],
        ["phone", PHONE],
      ] as const) {
        test(`${colorScheme}, ${locale}, ${device}: every screen, and its dialogs`, async () => {
          const page = await open({ colorScheme, locale, viewport });
          await page.waitForSelector("#prompt");
          const found: string[] = [];
          const look = async (where: string) => {
            found.push(...(await violations(page)).map((text) => `${where}: ${text}`));
            found.push(...((await page.evaluate(CUT)) as string[]).map((text) => `${where}, cut: ${text}`));
            const width = (await page.evaluate("document.documentElement.scrollWidth")) as number;
            if (width > viewport.width) found.push(`${where} is ${width} wide`);
          };
          for (const screen of screens()) {
            await goTo(page, screen);
            await look(screen);
          }
          await goTo(page, "/");
          await page.click(".strip-cell >> nth=0");
          for (const [name, show] of Object.entries(OVERLAYS)) {
            await goTo(page, "/");
            await show(page);
            await page.waitForSelector("dialog[open], .menu-sheet");
            await settled(page); // it fades in, and contrast counts when it has
            await look(name);
            await page.keyboard.press("Escape");
            await page.waitForSelector("dialog[open], .menu-sheet", { state: "detached" });
          }
          expect(found).toEqual([]);
          await page.context().close();
        });
      }
    }
  }

  for (const colorScheme of ["light", "dark"] as const) {
    test(`${colorScheme}: the key screen`, async () => {
      const page = await open({ path: "/", colorScheme });
      await page.fill("#key", "wrong");
      await page.keyboard.press("Enter");
      await page.waitForSelector(".fault");
      expect(await violations(page)).toEqual([]);
      await page.context().close();
    });
  }

  test("at twice the size nothing is cut off, and nothing needs scrolling in two directions", async () => {
    const page = await open({
      viewport: { width: DESKTOP.width / 2, height: DESKTOP.height / 2 },
      deviceScaleFactor: 2,
    });
    for (const screen of screens()) {
      await goTo(page, screen);
      expect(await page.evaluate("document.documentElement.scrollWidth"), screen).toBeLessThanOrEqual(
        DESKTOP.width / 2,
      );
      expect(await page.evaluate(CUT), screen).toEqual([]);
    }
    await goTo(page, "/");
    await page.click(".button.draw", { trial: true });
    await page.context().close();
  });

  test("with reduced motion nothing moves", async () => {
    const page = await open({ reducedMotion: "reduce", draft: { ...QUICK, steps: 60 } });
    await draw(page);
    await page.waitForSelector(".frame.rough img");
    expect(await page.evaluate("document.getAnimations().length")).toBe(0);
    await page.click('[aria-label="Stop"], .work-line .button');
    await page.context().close();
  });

  test("by keyboard alone: to the prompt, an image, its star, its details and back, the gallery, a box on an image", async () => {
    const page = await open({ draft: { ...QUICK, steps: 2 } });
    const focused = () =>
      page.evaluate(
        "document.activeElement.getAttribute('aria-label') ?? document.activeElement.id",
      ) as Promise<string>;
    await page.waitForSelector(".stage .actions");
    await page.keyboard.press("/");
    expect(await focused()).toBe("prompt");
    await page.keyboard.type("by keyboard");
    await page.keyboard.press("Control+Enter");
    await page.waitForSelector('.frame img[alt^="by keyboard"]');
    /** Tabs until something has the focus. */
    const tabTo = async (wanted: RegExp) => {
      for (let i = 0; i < 80; i++) {
        await page.keyboard.press("Tab");
        if (wanted.test(await focused())) return;
      }
      expect.fail(`Tab never comes to ${wanted}`);
    };
    await tabTo(/^Star$/);
    await page.keyboard.press("Enter");
    await page.waitForSelector('.actions [aria-label="Remove the star"]');
    await tabTo(/^Details$/);
    await page.keyboard.press("Enter");
    await page.waitForSelector("dialog[open]");
    await page.keyboard.press("Escape");
    await expect.poll(focused).toBe("Details"); // the focus is where it was
    await goTo(page, "/pictures");
    await page.focus(".grid-open");
    const first = await focused();
    await page.keyboard.press("ArrowRight");
    expect(await focused()).not.toBe(first);
    await page.keyboard.press(" ");
    await page.waitForSelector("text=1 selected");
    await page.keyboard.press("e");
    await page.waitForSelector(".mask-canvas");
    await page.keyboard.press("r");
    await page.focus(".mask-canvas");
    for (const key of ["ArrowRight", "ArrowDown", "Shift+ArrowLeft", "Enter"]) await page.keyboard.press(key);
    await expect.poll(() => page.isDisabled('[aria-label="Undo"]')).toBe(false);
    expect(page.faults).toEqual([]);
  });
});
