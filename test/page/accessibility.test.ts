import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  buildPage,
  DESKTOP,
  draw,
  finished,
  hasChromium,
  PHONE,
  type Studio,
  type StudioPage,
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

describe.skipIf(!hasChromium)("everybody can use it", () => {
  let studio: Studio;
  beforeAll(async () => {
    await buildPage();
    studio = await startStudio();
    const page = await studio.open();
    await draw(page);
    await finished(page);
    await page.close();
  });
  afterAll(() => studio?.stop());

  for (const colorScheme of ["light", "dark"] as const) {
    for (const locale of ["en-GB", "zh-CN"]) {
      for (const [device, viewport] of [
        ["desktop", DESKTOP],
        ["phone", PHONE],
      ] as const) {
        test(`${colorScheme}, ${locale}, ${device}`, async () => {
          // axe is put into the page from outside, which the page's own policy forbids.
          const page = await studio.open({ colorScheme, locale, viewport, bypassCSP: true });
          await page.evaluate(AXE);
          const found: string[] = [];
          for (const screen of ["/", "/pictures", "/explore", "/models", "/server"]) {
            await page.evaluate(
              `history.pushState(null, "", "${screen}"); dispatchEvent(new PopStateEvent("popstate"))`,
            );
            await page.waitForTimeout(400);
            found.push(...(await violations(page)).map((text) => `${screen}: ${text}`));
          }
          expect(found).toEqual([]);
          await page.context().close();
        });
      }
    }
  }
});
