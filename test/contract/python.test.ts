/** The official Python client, unmodified, in the virtual environment that `.ci/run` makes. */

import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { encodeImage } from "../../src/pictures/index.ts";
import { type ContractServer, startContractServer } from "./server.ts";

// Real engines on a machine that may be busy.
vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 });

const python = process.env.INKSTONE_TEST_PYTHON;

interface Outcome {
  readonly scenario: string;
  readonly seconds: number;
  // biome-ignore lint/suspicious/noExplicitAny: whatever the scenario printed
  readonly value?: any;
  readonly failed?: string;
}

if (!python)
  console.warn("test/contract/python: skipped, INKSTONE_TEST_PYTHON names no Python with `runware` installed");

describe.skipIf(!python)("the Python client (skipped without INKSTONE_TEST_PYTHON)", () => {
  let server: ContractServer;
  let outcomes: ReadonlyMap<string, Outcome>;

  beforeAll(async () => {
    server = await startContractServer();
    const script = new URL("python/scenarios.py", import.meta.url).pathname;
    const pixels = new Uint8Array(64 * 48 * 3).fill(90);
    const bytes = await encodeImage({ width: 64, height: 48, pixels }, { format: "PNG" });
    const picture = Buffer.from(bytes).toString("base64");
    const { stdout } = await promisify(execFile)(python!, [script, server.socketUrl, server.key, picture], {
      timeout: 300_000,
    });
    const lines = stdout.trim().split("\n");
    outcomes = new Map(lines.map((line) => JSON.parse(line) as Outcome).map((outcome) => [outcome.scenario, outcome]));
  }, 300_000);
  afterAll(() => server?.stop());

  const value = (scenario: string) => {
    const outcome = outcomes.get(scenario);
    expect(outcome?.failed).toBeUndefined();
    return outcome!.value;
  };
  const seeds = (images: Array<{ seed: number }>) => images.map(({ seed }) => seed).sort();

  test("an image", () => {
    expect(value("picture")).toMatchObject([{ seed: 73347, cost: expect.any(Number), imageURL: expect.any(String) }]);
  });
  test("three images", () => expect(seeds(value("three"))).toEqual([10, 11, 12]));
  test("two tasks at once do not mix", () => {
    expect(value("parallel").map(seeds)).toEqual([
      [100, 101],
      [200, 201],
    ]);
  });
  test("two failing tasks at the same time: each has its own error", () => {
    const [first, second] = value("parallel_failures");
    expect(first).toContain("invalidWidth");
    expect(second).toContain("invalidSteps");
  });
  test("an edit with two references", () => expect(seeds(value("edit"))).toEqual([9]));
  test("base64", () => expect(value("base64")).toMatchObject([{ base64: true }]));
  test("async ends when the images are finished, not at the next poll of the client", () => {
    expect(seeds(value("later"))).toEqual([5, 6]);
    expect(outcomes.get("later")!.seconds).toBeLessThan(15);
  });
  test("an unknown task", () => expect(value("unknown")).toContain("taskFailedOrNotFound"));
  test("getTaskDetails", () => expect(value("details")).toEqual({ prompt: "a red square" }));
  test("a wrong key is refused", () => expect(value("wrong_key")).toMatch(/invalid.?api.?key/i));
});
