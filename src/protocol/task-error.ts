import { type ErrorCode, errorKind } from "./errors.ts";

/** The facts of an error, apart from its code and message. */
export interface ErrorFacts {
  /** The parameter or parameters at fault, dotted: `inputs.seedImage`, `lora.0.weight`. */
  readonly parameter?: string | readonly string[];
  /** The expected type: integer, float, string, boolean, object, … */
  readonly type?: string;
  readonly min?: number;
  readonly max?: number | bigint;
  readonly multiplier?: number;
  readonly default?: unknown;
  readonly allowedValues?: readonly string[];
  /** Seconds to wait before a new attempt can succeed. */
  readonly retryAfter?: number;
}

/** An error as data, as stored with a failed task. */
export interface TaskErrorBody extends ErrorFacts {
  readonly code: ErrorCode;
  readonly message: string;
}

/** An error of the catalogue. `values` fill the placeholders of its message. */
export class TaskError extends Error {
  override readonly name = "TaskError";
  readonly code: ErrorCode;
  /** The values of the placeholders. */
  readonly values: Readonly<Record<string, string | number>>;
  readonly facts: ErrorFacts;

  constructor(
    code: ErrorCode,
    values: Readonly<Record<string, string | number>> = {},
    facts: ErrorFacts = {},
    options?: ErrorOptions,
  ) {
    super(fill(errorKind(code).message, values), options);
    this.code = code;
    this.values = values;
    this.facts = facts;
  }

  /** The error as data. */
  get body(): TaskErrorBody {
    return { code: this.code, message: this.message, ...this.facts };
  }
}

/** The task of an error, if it is known. */
export interface ErrorOwner {
  readonly taskUUID?: string | undefined;
  readonly taskType?: string | undefined;
}

/** An error in a reply. */
export interface ErrorItem extends TaskErrorBody {
  readonly documentation?: string;
  readonly taskUUID?: string;
  readonly taskType?: string;
  readonly status?: "error";
}

/** Converts an error of a task to its form in replies. `documentation` is the address of the reference pages. */
export function errorItem(body: TaskErrorBody, task: ErrorOwner = {}, documentation?: string): ErrorItem {
  const { code, message, parameter, type, ...numbers } = body;
  return {
    code,
    message,
    ...(parameter !== undefined && { parameter }),
    ...(type !== undefined && { type }),
    ...(documentation !== undefined && { documentation: documentation + errorPage(body) }),
    ...(task.taskUUID !== undefined && { taskUUID: task.taskUUID }),
    ...(task.taskType !== undefined && { taskType: task.taskType }),
    ...numbers,
  };
}

/** The anchor of a parameter on the API page: `request-controlnet-startstep`. */
export function parameterAnchor(path: string): string {
  const names = path.split(".").filter((part) => !/^\d+$/.test(part));
  return `request-${names.join("-").toLowerCase()}`;
}

/** The anchor of an error code on the errors page. */
export const codeAnchor = (code: string): string => `error-${code.toLowerCase()}`;

/** The page and anchor that describe an error. */
function errorPage({ code, parameter }: TaskErrorBody): string {
  const first = typeof parameter === "string" ? parameter : parameter?.[0];
  const ofParameter = first !== undefined && /^(invalid|missing)/.test(code);
  return ofParameter ? `/api#${parameterAnchor(first)}` : `/errors#${codeAnchor(code)}`;
}

const fill = (template: string, values: Readonly<Record<string, string | number>>): string =>
  template.replace(/\{(\w+)\}/g, (_, name: string) => String(values[name] ?? "")).trimEnd();
