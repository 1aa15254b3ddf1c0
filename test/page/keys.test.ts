import { generate } from "lean-qr";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { buildPage, draw, finished, hasChromium, LAN, type Studio, startStudio } from "./studio.ts";

const KEY = "a-key-that-nobody-guesses-4711";

describe.skipIf(!hasChromium)("keys", () => {
  let studio: Studio;
  beforeAll(async () => {
    await buildPage();
    studio = await startStudio({ INKSTONE_API_KEYS: KEY, INKSTONE_LOG_LEVEL: "trace" });
  });
  afterAll(() => studio?.stop());

  test("the page asks once, reports a wrong key, and keeps the right one out of every address", async () => {
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
    expect(studio.logged()).toContain("task ended");
    expect(studio.logged()).not.toContain(KEY);
    await page.reload();
    await page.waitForSelector("#prompt");
    await page.click('[aria-label="Menu"]');
    await page.click("text=Forget the key");
    await page.waitForSelector("#key");
  });

  test("a key in the fragment of a link is used, and removed from the address", async () => {
    const page = await studio.open({ path: `/#key=${KEY}` });
    await page.waitForSelector("#prompt");
    expect(page.url()).not.toContain(KEY);
    expect(page.faults).toEqual([]);
  });

  test("for a phone the key and the address are shown as a code, only on a press", async () => {
    const page = await studio.open({ path: `/server#key=${KEY}` });
    await page.waitForSelector("text=inkstone serve --host 0.0.0.0"); // listens to its own machine only
    const address = "http://192.0.2.7:7437";
    await page.route("**/v1/status", async (route) => {
      const reply = await route.fetch();
      await route.fulfill({ response: reply, json: { ...((await reply.json()) as object), addresses: [address] } });
    });
    await page.reload();
    await page.waitForSelector("text=Point the phone's camera at this code.");
    expect(await page.locator(".phone-code").count()).toBe(0);
    await page.click("text=Show the code");
    const code = generate(`${address}/#key=${KEY}`);
    const modules = (await page.getAttribute(".phone-code path", "d"))!.match(/M\d+ \d+/g)!;
    const dark = Array.from({ length: code.size ** 2 }, (_, i) => [i % code.size, Math.floor(i / code.size)] as const)
      .filter(([x, y]) => code.get(x, y))
      .map(([x, y]) => `M${x + 4} ${y + 4}`);
    expect(modules).toEqual(dark);
    expect(page.faults).toEqual([]);
  });

  test("over plain HTTP from another machine, where browsers allow less, it generates and copies, and asks for nothing else", async () => {
    const page = await studio.open({ host: LAN, path: `/#key=${KEY}` });
    expect(await page.evaluate("[isSecureContext, typeof crypto.randomUUID]")).toEqual([false, "undefined"]);
    await page.waitForSelector("#prompt");
    await draw(page);
    await finished(page);
    await page.click('.actions [aria-label="Code"]');
    await page.click("dialog >> text=/^Copy$/");
    await page.waitForSelector("dialog >> text=/^Copied$/");
    await page.keyboard.press("Escape");
    await page.fill("#prompt", "");
    await page.focus("#prompt");
    await page.keyboard.press("Control+v");
    expect(await page.inputValue("#prompt")).toMatch(new RegExp(`^curl http://${LAN}:`));
    expect(await page.inputValue("#prompt")).not.toContain(KEY);
    expect(page.asked.filter((address) => /^(http|ws)/.test(address) && new URL(address).hostname !== LAN)).toEqual([]);
    expect(page.faults).toEqual([]);
  });
});

describe.skipIf(!hasChromium)("a server without keys", () => {
  let studio: Studio;
  beforeAll(async () => {
    await buildPage();
    studio = await startStudio();
  });
  afterAll(() => studio?.stop());

  test("reports on another machine that it serves only its own, and how to change that", async () => {
    const page = await studio.open({ host: LAN });
    await page.waitForSelector("text=inkstone keys create phone");
    expect(await page.locator("#prompt").count()).toBe(0);
  });

  test("refuses writes of a page of another site", async () => {
    const page = await studio.open({ path: "/healthz" });
    const { base } = studio;
    const status = `fetch("${base}/v1", { method: "POST", mode: "no-cors", body: "[]" })`;
    await page.goto(`${base.replace("127.0.0.1", LAN)}/healthz`);
    await page.evaluate(`${status}.catch(() => {})`);
    await page.evaluate(`new Promise((resolve) => {
      const image = new Image();
      image.onerror = resolve;
      image.src = "${base}/v1/pictures";
    })`);
    expect(
      await studio.ask<{ data: unknown[] }>("GET", "/v1/tasks?state=queued,running,succeeded,failed"),
    ).toMatchObject({ data: [] });
  });
});
