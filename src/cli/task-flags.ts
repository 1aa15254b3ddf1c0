/**
 * Flags for the parameters of a task. The names are given here; ranges, defaults and descriptions come from the schema
 * of the task.
 */

import { type Command, Option } from "commander";
import { nearestWord, type Parameter, rangeOf, valueFromText } from "../fields/index.ts";
import { formatFromName } from "../pictures/index.ts";
import { parametersOf, type TaskError, type TaskType } from "../protocol/index.ts";
import { UsageError } from "./exit.ts";
import { pictureFile } from "./input-pictures.ts";
import type { Terminal } from "./terminal.ts";

/** The flag of one parameter. */
export interface TaskFlag {
  /** As the user types it: `--steps <n>`, `--safety`. */
  readonly flags: string;
  /** Replaces the description of the API, if the command line differs. */
  readonly about?: string;
  /** The allowed values, if they differ from the API. */
  readonly allowed?: string;
  /** The meaning of its absence, if it differs from the default of the API. */
  readonly otherwise?: string;
  /** Set if the command parses the flag itself, because it sets several parameters or may be repeated. */
  readonly own?: { readonly repeated?: boolean; readonly also?: readonly string[] };
}

/** Flags by the parameters that they set. A string alone is the flag as the user types it. */
export type FlagTable = Readonly<Record<string, string | TaskFlag>>;

/** The flags of one command. */
export interface TaskFlags {
  addTo(command: Command): Command;
  /** The parameters that the flags set, nested as in the task. Throws `UsageError` for a file that is not an image. */
  read(given: Readonly<Record<string, unknown>>, terminal: Terminal): Promise<Record<string, unknown>>;
  /** An error message of the API, preceded by the flag of its parameter. */
  named(parameter: string | readonly string[] | undefined, message: string): string;
  /** A usage error for errors of the API: each with its flag, and with a suggestion for a misspelt word. */
  refusal(errors: readonly TaskError[]): UsageError;
}

export function taskFlags(
  type: TaskType,
  table: FlagTable,
  argument: Readonly<Record<string, string>> = {},
): TaskFlags {
  const parameters = parametersOf(type);
  const flags = Object.entries(table).map(([path, entry]) => {
    const flag: TaskFlag = typeof entry === "string" ? { flags: entry } : entry;
    const parameter = parameters.get(path);
    if (parameter === undefined) throw new Error(`${flag.flags} sets ${path}, which ${type} does not have`);
    const option = new Option(flag.flags);
    if (flag.own?.repeated) option.argParser((text: string, before: readonly string[] = []) => [...before, text]);
    return { path, flag, parameter, option };
  });
  const longOf = new Map<string, string>(Object.entries(argument));
  for (const { path, flag, option } of flags) {
    for (const each of [path, ...(flag.own?.also ?? [])]) longOf.set(each, option.long!);
  }
  const inFlags = (text: string, path: string) =>
    text.replace(/`([\w.]+)`/g, (quoted, name: string) => {
      const beside = path.replace(/[^.]+$/, name);
      return longOf.get(name) ?? longOf.get(beside) ?? quoted;
    });
  for (const { path, flag, parameter, option } of flags) {
    option.description = sentence({ ...flag, about: inFlags(flag.about ?? parameter.about, path) }, parameter);
  }

  const named = (path: string | readonly string[] | undefined, message: string): string => {
    const flag = typeof path === "string" ? longOf.get(path.replace(/\.\d+(?=\.|$)/g, "")) : undefined;
    return flag === undefined ? message : `${flag}: ${message}`;
  };

  return {
    named,
    refusal: (errors) =>
      new UsageError(
        errors.map((error) => named(error.facts.parameter, error.message) + guess(error, parameters)).join("\n"),
      ),
    addTo(command) {
      for (const { option } of flags) command.addOption(option);
      return command;
    },
    async read(given, terminal) {
      const task: Record<string, unknown> = {};
      for (const { path, flag, parameter, option } of flags) {
        const value = given[option.attributeName()];
        if (value === undefined || flag.own) continue;
        put(task, path, typeof value === "string" ? await read(parameter, value, option.long!, terminal) : value);
      }
      return task;
    },
  };
}

/** "Did you mean …?", if a name or a word of a list is close to a known one. */
function guess({ code, facts, values }: TaskError, parameters: ReadonlyMap<string, Parameter>): string {
  const given = String(values.given ?? "").replace(/^"|"$/g, "");
  const word =
    code === "unsupportedParameter"
      ? nearestParameter(String(facts.parameter), [...parameters.keys()])
      : nearestWord(given, facts.allowedValues ?? []);
  return word === undefined ? "" : ` Did you mean '${word}'?`;
}

/** The closest known key: one beside it, else a key of that name in a group or above. */
function nearestParameter(path: string, known: readonly string[]): string | undefined {
  const plain = path.replace(/\.\d+(?=\.|$)/g, "");
  const group = (of: string) => of.slice(0, of.lastIndexOf(".") + 1);
  const name = (of: string) => of.slice(group(of).length);
  const beside = known.filter((each) => group(each) === group(plain));
  return nearestWord(plain, beside) ?? known.find((each) => name(each) === nearestWord(name(plain), known.map(name)));
}

/** The help text of a flag: its description, its allowed values and the meaning of its absence. */
function sentence({ about, allowed, otherwise }: TaskFlag, parameter: Parameter): string {
  const absent = otherwise ?? (parameter.type === "boolean" ? undefined : parameter.default);
  const range = [allowed ?? briefly(parameter), absent === undefined ? "" : `(default: ${absent})`];
  return [about ?? parameter.about, ...range].filter(Boolean).join(" ").replaceAll("`", "");
}

function briefly(parameter: Parameter): string {
  const { allowedValues, type, multiplier = 0 } = parameter;
  if (allowedValues !== undefined) return allowedValues.length > 12 ? "" : `One of ${allowedValues.join(", ")}.`;
  if (type !== "integer" && type !== "float") return "";
  return rangeOf(multiplier < 1 ? { ...parameter, multiplier: undefined } : parameter);
}

async function read(parameter: Parameter, text: string, flag: string, terminal: Terminal): Promise<unknown> {
  if (parameter.image) return pictureFile(flag, text, terminal);
  if (parameter.path === "outputFormat") return formatFromName(text) ?? text;
  // The command line accepts larger seeds than the API, so it parses them itself.
  return parameter.path === "seed" ? text : valueFromText(parameter, text);
}

/** Sets a nested value of a task, such as `advancedFeatures.ultralytics.steps`. */
function put(task: Record<string, unknown>, path: string, value: unknown): void {
  const keys = path.split(".");
  const last = keys.pop()!;
  let group = task;
  for (const key of keys) {
    group[key] ??= {};
    group = group[key] as Record<string, unknown>;
  }
  group[last] = value;
}
