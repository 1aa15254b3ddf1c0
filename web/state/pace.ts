/** Speed of this server, learnt from its steps: for "about 8 s" and "4 s left". */

import type { Parameters, Progress } from "../api/types.ts";
import { stored } from "./stored.ts";

/** Milliseconds of a step for each pixel, by model. */
const pace = stored<Readonly<Record<string, number>>>("pace", {});
const lastStep = new Map<string, { readonly at: number; readonly progress: Progress }>();

interface Drawn {
  readonly taskUUID: string;
  readonly parameters: Parameters;
}

/** The server's measurement of a model, for a page that has none. */
export function learnPace(
  model: string,
  secondsPerStep: number,
  { width, height }: { width: number; height: number },
): void {
  if (pace.value[model] !== undefined) return;
  pace.value = { ...pace.value, [model]: (1000 * secondsPerStep) / (width * height) };
}

/** Weight of the newest measurement: a quarter. */
const WEIGHT = 0.25;

export function notePace({ taskUUID, parameters }: Drawn, progress: Progress): void {
  const now = performance.now();
  const before = lastStep.get(taskUUID);
  lastStep.set(taskUUID, { at: now, progress });
  if (before === undefined || before.progress.image !== progress.image) return;
  const steps = progress.step - before.progress.step;
  const { model = "", width = 0, height = 0 } = parameters;
  if (steps < 1 || width * height === 0) return;
  const measured = (now - before.at) / steps / (width * height);
  const known = pace.value[model];
  pace.value = { ...pace.value, [model]: known === undefined ? measured : known + WEIGHT * (measured - known) };
}

/** Expected seconds of a task; undefined before the first measurement. */
export function expectedSeconds({ model = "", width = 0, height = 0, steps = 20, numberResults = 1 }: Parameters) {
  const known = pace.value[model];
  return known === undefined ? undefined : (known * width * height * steps * numberResults) / 1000;
}

/** Remaining seconds of a task. */
export function secondsLeft({ parameters }: Drawn, progress: Progress): number | undefined {
  const whole = expectedSeconds(parameters);
  return whole === undefined ? undefined : whole * (1 - progress.percentage / 100);
}
