/** Rules between the parameters of an imageInference task. */

import type { ImageInferenceTask } from "./image-inference.ts";
import { missingParameter } from "./parameter-errors.ts";
import { windowErrors } from "./step-window.ts";
import { TaskError } from "./task-error.ts";
import { watermarkErrors } from "./watermark.ts";

/** One rule: a sentence for the reference page, and the check. */
export interface Rule {
  readonly text: string;
  check(task: ImageInferenceTask): readonly TaskError[];
}

/** The rule that `used` requires `needed`. */
const needs = (
  used: string,
  isUsed: (task: ImageInferenceTask) => boolean,
  needed: string,
  isThere: (task: ImageInferenceTask) => boolean,
): Rule => ({
  text: `\`${used}\` needs \`${needed}\`.`,
  check: (task) =>
    isUsed(task) && !isThere(task) ? [missingParameter(needed, `'${used}' needs it.`, { type: "string" })] : [],
});

const hasSeedImage = (task: ImageInferenceTask) => task.inputs?.seedImage !== undefined;
const hasMaskImage = (task: ImageInferenceTask) => task.inputs?.maskImage !== undefined;

const hasReferences = (task: ImageInferenceTask) => task.inputs?.referenceImages !== undefined;

/** Missing sides: one without the other, or both if no reference image supplies the size. */
function missingSides(task: ImageInferenceTask): TaskError[] {
  const missing = (["width", "height"] as const).filter((side) => task[side] === undefined);
  if (missing.length === 2 && hasReferences(task)) return [];
  const [given] = (["width", "height"] as const).filter((side) => task[side] !== undefined);
  const reason = given !== undefined && hasReferences(task) ? `'${given}' needs it.` : "";
  return missing.map((side) => missingParameter(side, reason, { type: "integer" }));
}

export const RULES: readonly Rule[] = [
  {
    text: "`width` and `height` are required, together. With `inputs.referenceImages` both are optional.",
    check: missingSides,
  },
  needs("inputs.maskImage", hasMaskImage, "inputs.seedImage", hasSeedImage),
  needs("inputs.strength", (task) => task.inputs?.strength !== undefined, "inputs.seedImage", hasSeedImage),
  needs("outpaint", (task) => task.outpaint !== undefined, "inputs.seedImage", hasSeedImage),
  needs("maskMargin", (task) => task.maskMargin !== undefined, "inputs.maskImage", hasMaskImage),
  {
    text: "One of `advancedFeatures.watermark.text` and `advancedFeatures.watermark.image` is required, and only one may be given. `fontColor` requires the text.",
    check: ({ advancedFeatures }) => watermarkErrors(advancedFeatures?.watermark),
  },
  {
    text: "Only one of `acceleratorOptions.teaCache`, `acceleratorOptions.fbCache` and `acceleratorOptions.dbCache` may be true.",
    check: ({ acceleratorOptions: options }) => {
      const [first, second] = (["teaCache", "fbCache", "dbCache"] as const)
        .filter((name) => options?.[name])
        .map((name) => `acceleratorOptions.${name}`);
      if (first === undefined || second === undefined) return [];
      const reason = "A step can use only one cache.";
      return [new TaskError("incompatibleParameters", { first, second, reason }, { parameter: [first, second] })];
    },
  },
  {
    text: "`outpaint` makes its own mask and cannot be used together with `inputs.maskImage`.",
    check: (task) =>
      task.outpaint !== undefined && hasMaskImage(task)
        ? [
            new TaskError(
              "incompatibleParameters",
              { first: "outpaint", second: "inputs.maskImage", reason: "Outpainting makes its own mask." },
              { parameter: ["outpaint", "inputs.maskImage"] },
            ),
          ]
        : [],
  },
  {
    text: "Only one of `controlNet.startStep` and `controlNet.startStepPercentage` may be given. The same applies to the end. The start is less than the end, the end at most `steps`.",
    check: (task) =>
      (task.controlNet ?? []).flatMap((item, index) =>
        windowErrors(
          {
            start: item.startStep,
            startPercentage: item.startStepPercentage,
            end: item.endStep,
            endPercentage: item.endStepPercentage,
          },
          task.steps,
          {
            start: `controlNet.${index}.startStep`,
            startPercentage: `controlNet.${index}.startStepPercentage`,
            end: `controlNet.${index}.endStep`,
            endPercentage: `controlNet.${index}.endStepPercentage`,
          },
        ),
      ),
  },
  {
    text: "Only one of `acceleratorOptions.cacheStartStep` and `acceleratorOptions.cacheStartStepPercentage` may be given. The same applies to the end. The start is less than the end, the end at most `steps`.",
    check: ({ acceleratorOptions: options, steps }) =>
      options === undefined
        ? []
        : windowErrors(
            {
              start: options.cacheStartStep,
              startPercentage: options.cacheStartStepPercentage,
              end: options.cacheEndStep,
              endPercentage: options.cacheEndStepPercentage,
            },
            steps,
            {
              start: "acceleratorOptions.cacheStartStep",
              startPercentage: "acceleratorOptions.cacheStartStepPercentage",
              end: "acceleratorOptions.cacheEndStep",
              endPercentage: "acceleratorOptions.cacheEndStepPercentage",
            },
          ),
  },
];

/** Every broken rule of a task. Each error is reported once. */
export function ruleErrors(task: ImageInferenceTask): TaskError[] {
  const errors = RULES.flatMap((rule) => rule.check(task));
  return errors.filter(
    (error, index) =>
      errors.findIndex(
        (other) => other.code === error.code && String(other.facts.parameter) === String(error.facts.parameter),
      ) === index,
  );
}
