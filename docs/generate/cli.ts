import type { EventEmitter } from "node:events";
import type { Argument, Command, Option } from "commander";

/** The reference page of the command line, as Markdown, from the commands' own definitions. */
export function commandReference(program: Command): string {
  const pages = leaves(program).map(([name, command]) => section(name, command));
  return [
    "# Command line",
    "",
    "From a clone, `npm run inkstone -- COMMAND` is the same as `inkstone COMMAND`, and `npm run generate -- …` is `inkstone generate …`; with `npm run -s` only results come by standard output.",
    "",
    "```",
    helpNotes(program),
    "```",
    "",
    ...pages,
  ].join("\n");
}

/** Every command that does something, with its full name. */
function leaves(command: Command, name = command.name()): [string, Command][] {
  if (command.commands.length === 0) return [[name, command]];
  return command.commands.flatMap((child) => leaves(child, `${name} ${child.name()}`));
}

function section(name: string, command: Command): string {
  const args = command.registeredArguments;
  const usage = [name, ...args.map(argumentUsage), ...(command.options.length > 0 ? ["[options]"] : [])].join(" ");
  const lines = [`## ${name}`, "", command.description(), "", "```", usage, "```", ""];
  const rows = [...args.map(argumentRow), ...command.options.filter(({ hidden }) => !hidden).map(optionRow)];
  if (rows.length > 0) lines.push("| | |", "|---|---|", ...rows, "");
  const notes = helpNotes(command);
  if (notes) lines.push("```", notes, "```", "");
  return lines.join("\n");
}

function argumentUsage(argument: Argument): string {
  const name = argument.name() + (argument.variadic ? "..." : "");
  return argument.required ? `<${name}>` : `[${name}]`;
}

function argumentRow(argument: Argument): string {
  return row(argumentUsage(argument), argument.description);
}

function optionRow(option: Option): string {
  const fallback = option.defaultValue === undefined ? "" : ` (default: ${option.defaultValue})`;
  return row(option.flags, option.description + fallback);
}

function row(left: string, right: string): string {
  return `| \`${left.replaceAll("|", "\\|")}\` | ${right.replaceAll("|", "\\|")} |`;
}

/** What `addHelpText("after", …)` would print. */
function helpNotes(command: Command): string {
  let text = "";
  const said = { write: (part: string) => (text += part), error: false, command };
  // A command is an event emitter, which commander's types leave out.
  (command as unknown as EventEmitter).emit("afterHelp", said);
  return text.trim();
}
