import { invalidParameter } from "./parameter-errors.ts";
import { TaskError } from "./task-error.ts";

/** The steps during which something applies, as step numbers or percentages. */
export interface StepWindow {
  readonly start?: number | undefined;
  readonly startPercentage?: number | undefined;
  readonly end?: number | undefined;
  readonly endPercentage?: number | undefined;
}

/** The names of the four parameters of a window. */
export type WindowNames = Readonly<Record<keyof StepWindow, string>>;

/** The meaning of an absent window. */
export const WHOLE_WINDOW = { startPercentage: 0, endPercentage: 100 } as const;

/** The first step (inclusive) and last step (exclusive) of a window in a run of `steps`. */
export function resolveWindow(window: StepWindow, steps: number): { readonly start: number; readonly end: number } {
  const share = (percentage: number) => Math.floor((percentage * steps) / 100);
  return {
    start: window.start ?? share(window.startPercentage ?? WHOLE_WINDOW.startPercentage),
    end: window.end ?? share(window.endPercentage ?? WHOLE_WINDOW.endPercentage),
  };
}

/** The errors of a window: exclusive pairs, an end past the last step, a start not before the end. */
export function windowErrors(window: StepWindow, steps: number, names: WindowNames): TaskError[] {
  const errors: TaskError[] = [];
  if (window.start !== undefined && window.startPercentage !== undefined) {
    errors.push(exclusive(names.start, names.startPercentage));
  }
  if (window.end !== undefined && window.endPercentage !== undefined) {
    errors.push(exclusive(names.end, names.endPercentage));
  }
  if (errors.length > 0) return errors;

  if (window.end !== undefined && window.end > steps) {
    const rule = `It must be an integer value of at most the number of steps, ${steps}.`;
    return [invalidParameter(names.end, window.end, rule, { type: "integer", min: 1, max: steps })];
  }
  // Two percentages are compared before conversion: with few steps, different percentages can give the same step.
  const bothShares = window.startPercentage !== undefined && window.endPercentage !== undefined;
  const { start, end } = bothShares
    ? { start: window.startPercentage!, end: window.endPercentage! }
    : resolveWindow(window, steps);
  const given = window.start !== undefined || window.startPercentage !== undefined;
  if (given && start >= end) {
    const name = window.start === undefined ? names.startPercentage : names.start;
    const ends = window.end === undefined ? names.endPercentage : names.end;
    const limit = bothShares ? `'${ends}', ${end}` : `the end of its steps, ${end} of ${steps}`;
    const rule = `It must be less than ${limit}.`;
    errors.push(invalidParameter(name, window.start ?? window.startPercentage, rule, { type: "integer" }));
  }
  return errors;
}

const exclusive = (first: string, second: string): TaskError =>
  new TaskError(
    "incompatibleParameters",
    { first, second, reason: "They are two forms of the same setting." },
    { parameter: [first, second] },
  );
