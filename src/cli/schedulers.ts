import type { Command } from "commander";
import type { Scheduler } from "../engine/index.ts";
import { print, type Terminal } from "./terminal.ts";

/** `inkstone schedulers`: the names for `--scheduler` and their meaning. */
export function addSchedulers(command: Command, terminal: Terminal): void {
  command.option("--json", "One JSON array on stdout.").action(async (options: { json?: true }) => {
    const { SCHEDULERS } = await import("../engine/index.ts"); // other commands do not need the engine
    if (options.json) print(terminal, JSON.stringify(SCHEDULERS.map(asJson), undefined, 2));
    else print(terminal, asTable(SCHEDULERS));
  });
}

function asJson({ name, solver, spacing, note }: Scheduler) {
  const { title, stochastic, evaluations, order } = solver;
  return { name, solver: title, order, sigmas: spacing.title, stochastic, evaluations, note };
}

function asTable(schedulers: readonly Scheduler[]): string {
  const rows = schedulers.map(({ name, solver, spacing }) => [
    name,
    solver.title,
    spacing.title,
    solver.stochastic ? "random" : "",
    solver.evaluations > 1 ? `${solver.evaluations} evaluations per step` : "",
  ]);
  const all = [["name", "solver", "noise levels", "", ""], ...rows];
  const widths = all[0]!.map((_, column) => Math.max(...all.map((row) => row[column]!.length)));
  return all
    .map((row) => row.map((cell, column) => cell.padEnd(widths[column]!)).join("  "))
    .map((line) => line.trimEnd())
    .join("\n");
}
