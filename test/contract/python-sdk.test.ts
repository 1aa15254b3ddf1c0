/** The newest official Python SDK, unmodified, in the virtual environment that `.ci/run` makes: what the older client cannot ask. */

import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { encodeImage } from "../../src/pictures/index.ts";
import { type ContractServer, startContractServer } from "./server.ts";

// Real engines on a machine that may be busy.
vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 });

const python = process.env.INKSTONE_TEST_PYTHON_SDK;

if (!python)
  console.warn(
    "test/contract/python-sdk: skipped, INKSTONE_TEST_PYTHON_SDK names no Python with `runware-sdk` installed",
  );

describe.skipIf(!python)("the Python SDK (skipped without INKSTONE_TEST_PYTHON_SDK)", () => {
  let server: ContractServer;
  // biome-ignore lint/suspicious/noExplicitAny: whatever the scenario printed
  let outcomes: ReadonlyMap<string, any>;

  beforeAll(async () => {
    server = await startContractServer();
    const picture = async (width: number, height: number) => {
      const pixels = Uint8Array.from({ length: width * height * 3 }, (_, i) => (i * 7) % 256);
      return Buffer.from(await encodeImage({ width, height, pixels }, { format: "PNG" })).toString("base64");
    };
    const script = new URL("python/sdk_scenarios.py", import.meta.url).pathname;
    const given = [server.httpUrl, server.socketUrl, server.key, await picture(60, 30), await picture(31, 60)];
    const { stdout } = await promisify(execFile)(python!, [script, ...given], { timeout: 300_000 });
    const lines = stdout.trim().split("\n");
    outcomes = new Map(lines.map((line) => JSON.parse(line)).map((outcome) => [outcome.scenario, outcome]));
  }, 300_000);
  afterAll(() => server?.stop());

  describe.each(["websocket", "rest"])("over %s", (transport) => {
    test.each([
      ["picture", 7],
      ["edit", 5],
      ["edit of three", 5],
      ["edit by slug", 5],
    ])("%s", (scenario, seed) => {
      expect(outcomes.get(`${transport}: ${scenario}`)).toMatchObject({
        value: [{ seed, imageURL: expect.stringMatching(/^http/), status: "success" }],
      });
    });

    test("too many references are refused by name", () => {
      expect(outcomes.get(`${transport}: too many`)).toMatchObject({
        code: "validation",
        failed: expect.stringContaining("takes one reference image"),
      });
    });
  });
});
