/** A picture as code: what is shown is the request itself, and gives the same picture wherever it is run. */

import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { decodeImage } from "../../src/pictures/index.ts";
import { parseJson } from "../../src/protocol/index.ts";
import { buildPage, draw, finished, hasChromium, type Listed, QUICK, type Studio, startStudio } from "./studio.ts";

const ROOT = resolve(import.meta.dirname, "../..");
const LARGEST = 2n ** 63n - 1n;

describe.skipIf(!hasChromium)("code", () => {
  let studio: Studio;
  const newest = async () => (await studio.listed())[0]!;
  const bytesOf = async (image: Pick<Listed, "imageURL">) => Buffer.from(await studio.fileOf(image));
  beforeAll(async () => {
    await buildPage();
    studio = await startStudio();
  });
  afterAll(() => studio?.stop());

  test("the copied curl, run in a shell, gives the identical image; the largest seed keeps its digits", async () => {
    const page = await studio.open({ draft: { ...QUICK, seed: LARGEST }, permissions: ["clipboard-read"] });
    await draw(page, `A sign that says "IT'S $5"`);
    await finished(page);
    const drawn = await bytesOf(await newest());
    await page.click('.actions [aria-label="Code"]');
    await page.click("dialog >> text=/^Copy$/");
    const copied = (await page.evaluate("navigator.clipboard.readText()")) as string;
    expect(copied).toMatch(/^curl http/);
    expect(copied).toContain(String(LARGEST));
    const { stdout } = await promisify(execFile)("sh", ["-c", copied]);
    const { data } = parseJson(stdout) as unknown as { data: { imageURL: string; seed: bigint }[] };
    expect(data[0]!.seed).toBe(LARGEST);
    expect((await bytesOf(data[0]!)).equals(drawn)).toBe(true);
    expect(page.faults).toEqual([]);
  });

  test("so do the others, run unchanged: JavaScript, inkstone, Python where its SDK is installed", async () => {
    const { INKSTONE_TEST_PYTHON: python } = process.env;
    const lora = [{ model: "inkstone:neon@1", weight: 0.5 }];
    const page = await studio.open({ draft: { ...QUICK, seed: 12, lora } });
    await draw(page, `A sign that says "IT'S $5"`);
    await finished(page);
    const picture = await newest();
    const drawn = (await decodeImage(await bytesOf(picture))).pixels;
    await page.click('.actions [aria-label="Code"]');
    const codeOf = async (form: string) => {
      await page.click(`dialog .segments >> text=/^${form}$/`);
      return page.inputValue("dialog textarea.code");
    };
    const run = async (program: string, args: readonly string[], cwd = ROOT) =>
      (
        await promisify(execFile)(program, args, { cwd, env: { ...process.env, XDG_DATA_HOME: scratch } })
      ).stdout.trim();
    const scratch = await mkdtemp(join(tmpdir(), "inkstone-code-"));
    const same = async (bytes: Uint8Array) => Buffer.from((await decodeImage(bytes)).pixels).equals(Buffer.from(drawn));

    const byScript = await run(process.execPath, ["--input-type=module", "--eval", await codeOf("JavaScript")]);
    expect(await same(await bytesOf({ imageURL: byScript }))).toBe(true);

    const inkstone = `inkstone() { '${process.execPath}' '${join(ROOT, "bin/inkstone.mjs")}' "$@"; }`;
    const file = await run("sh", ["-c", `${inkstone}\n${await codeOf("inkstone")}`], scratch);
    expect(await same(await readFile(resolve(scratch, file)))).toBe(true);

    if (python !== undefined) {
      const byPython = await run(python, ["-c", await codeOf("Python")]);
      expect(await same(await bytesOf({ imageURL: byPython }))).toBe(true);
    }
    await rm(scratch, { recursive: true });
    expect(page.faults).toEqual([]);
  });

  test("the request can be changed and sent; the reply is shown", async () => {
    const page = await studio.open();
    await page.waitForSelector(".stage .actions");
    await page.click('.actions [aria-label="Code"]');
    await page.click("dialog >> text=/^Request$/");
    const request = JSON.parse(await page.inputValue("#raw-request"));
    const [task] = [request].flat();
    const reply = async () => page.inputValue('dialog [aria-label="Reply"]').catch(() => "");
    await page.fill("#raw-request", JSON.stringify([{ ...task, steps: 0 }]));
    await page.click("dialog >> text=/^Send$/");
    await expect.poll(reply).toContain("invalidSteps");
    await page.fill("#raw-request", JSON.stringify([{ ...task, steps: 2, seed: 5, deliveryMethod: "sync" }]));
    await page.click("dialog >> text=/^Send$/");
    await expect.poll(reply, { timeout: 60_000 }).toContain('"seed": 5');
    expect(page.faults.filter((fault) => !fault.includes("400"))).toEqual([]);
  });
});
