import { Command } from "commander";
import { expect, test } from "vitest";
import { parametersOf } from "../protocol/index.ts";
import { addGenerate } from "./generate.ts";
import { generateFlags } from "./generate-flags.ts";

const help = (flag: string) => {
  const terminal = {
    stdout: process.stdout,
    stderr: process.stderr,
    stdin: process.stdin,
    env: {},
    cwd: "/",
    onStopAgain() {},
  };
  const command = new Command();
  addGenerate(command, { ...terminal, signal: new AbortController().signal });
  return command.options.find(({ long }) => long === flag)?.description;
};

/** About handing results over or the place of work, which means nothing to files; said by another flag; or a second way to say something. */
const WITHOUT_FLAG =
  /^(task(Type|UUID)|outputType|deliveryMethod|webhookURL|uploadEndpoint|ttl|includeCost|routing|inputs|safety(\.mode)?|settings|advancedFeatures(\.watermark\.tiled)?|controlNet\.(start|end)Step|acceleratorOptions\.(cache(Start|End)Step|(tea|fb|db)Cache))$/;

test("each of the other parameters of imageInference has a flag", () => {
  const without = [...parametersOf("imageInference").keys()].filter(
    (path) => generateFlags.named(path, "") === "" && !WITHOUT_FLAG.test(path),
  );
  expect(without).toEqual([]);
});

test("ranges, defaults and sentences come from the schema; parameters in them appear as flags", () => {
  const { min, max, about } = parametersOf("imageInference").get("numberResults")!;
  expect(help("--number")).toBe(`${about} ${min} to ${max} (default: 1)`);
  expect(help("--strength")).toContain("Needs --seed-image. 0 to 1 (default: 0.8)");
  expect(help("--lora")).toBe("LoRA to apply. Repeat the flag for several. Weight -4 to 4 (default: 1)");
  expect(help("--face-steps")).toContain("1 to 100 (default: 20)");
});

test("an error names the flag of its parameter", () => {
  expect(generateFlags.named("controlNet.1.startStepPercentage", "no")).toBe("--control-start: no");
  expect(generateFlags.named("webhookURL", "no")).toBe("no");
});
