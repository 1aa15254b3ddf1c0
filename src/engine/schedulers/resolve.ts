import { distance } from "fastest-levenshtein";
import { ParameterError } from "../params.ts";
import { ALIASES, SCHEDULERS, type Scheduler } from "./table.ts";

const SUGGESTIONS = 3;

const byName = new Map(SCHEDULERS.map((scheduler) => [scheduler.name.toLowerCase(), scheduler]));
for (const [alias, name] of Object.entries(ALIASES)) {
  byName.set(alias.toLowerCase(), byName.get(name.toLowerCase())!);
}

/**
 * @param name one of the table's names or an alias, in any letter case
 * @throws ParameterError naming those that look most like it
 */
export function resolveScheduler(name: string): Scheduler {
  const wanted = name.trim().toLowerCase();
  const found = byName.get(wanted);
  if (found) return found;
  const nearest = SCHEDULERS.map((scheduler) => scheduler.name)
    .map((known) => ({ known, far: distance(wanted, known.toLowerCase()) }))
    .sort((a, b) => a.far - b.far)
    .slice(0, SUGGESTIONS)
    .map(({ known }) => `"${known}"`);
  throw new ParameterError(
    "scheduler",
    `scheduler is "${name}"; nearest of ${SCHEDULERS.length} names: ${nearest.join(", ")}`,
  );
}
