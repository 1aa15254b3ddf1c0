import type { Parameter } from "../../src/fields/index.ts";
import { ERRORS, INVALID_PARAMETER, invalidCode, MISSING_PARAMETER, missingCode } from "../../src/protocol/errors.ts";
import { parametersOf, TASK_TYPES } from "../../src/protocol/task.ts";
import { codeAnchor } from "../../src/protocol/task-error.ts";
import type { Block, Row } from "./blocks.ts";

/** The page of the errors, made from the schemas and the catalogue. */
export function errorReference(): Block[] {
  const rows: Row[] = Object.entries(ERRORS).map(([code, { status, message, when }]) => ({
    anchors: [codeAnchor(code)],
    cells: [`\`${code}\``, String(status), when, `\`${message}\``],
  }));
  return [
    { heading: "Errors", level: 1 },
    {
      text: "Every error has a `code`, a `message`, and a `documentation` link. The message names the parameter, the value, and the allowed values. `parameter`, `type`, `taskUUID` and `taskType` say where it belongs. Some errors also have `min`, `max`, `multiplier`, `default`, `allowedValues` or `retryAfter`.",
    },
    {
      text: "The status is that of an HTTP reply in which nothing succeeded. If any task succeeded, the status is 200, and the reply has both `data` and `errors`.",
    },
    { heading: "Named after a parameter", level: 2 },
    {
      columns: ["code", "status", "when", "message"],
      rows: [
        { cells: ["`invalid…`", "400", INVALID_PARAMETER.when, `\`${INVALID_PARAMETER.message}\``] },
        { cells: ["`missing…`", "400", MISSING_PARAMETER.when, `\`${MISSING_PARAMETER.message}\``] },
      ],
    },
    {
      columns: ["parameter", "code", "when absent"],
      rows: [...parameters().values()].map((parameter) => ({
        cells: [
          `\`${parameter.path}\``,
          canBeInvalid(parameter) ? `\`${invalidCode(parameter.path)}\`` : "",
          canBeMissing(parameter) ? `\`${missingCode(parameter.path)}\`` : "",
        ],
      })),
    },
    { heading: "All others", level: 2 },
    { columns: ["code", "status", "when", "message"], rows },
  ];
}

/** Every code that a client may see. */
export function allCodes(): string[] {
  const named = [...parameters().values()].flatMap((parameter) => [
    ...(canBeInvalid(parameter) ? [invalidCode(parameter.path)] : []),
    ...(canBeMissing(parameter) ? [missingCode(parameter.path)] : []),
  ]);
  return [...new Set([...Object.keys(ERRORS), ...named])];
}

/** Optional parameters that others need. */
const NEEDED = new Set(["inputs.seedImage", "inputs.maskImage"]);

/** A wrong `taskType` is an unsupported one. */
const canBeInvalid = ({ path }: Parameter): boolean => path !== "taskType";

const canBeMissing = ({ required, path }: Parameter): boolean => (required && path !== "apiKey") || NEEDED.has(path);

function parameters(): ReadonlyMap<string, Parameter> {
  const all = new Map<string, Parameter>();
  for (const type of TASK_TYPES) {
    for (const [path, parameter] of parametersOf(type))
      if (!all.has(path) || parameter.required) all.set(path, parameter);
  }
  return all;
}
