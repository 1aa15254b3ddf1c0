import { growth, type Hour } from "./soak.ts";

/** By how much a figure may differ between the beginning and the end of a day: what comes and goes, not what accumulates. */
const MOST: Partial<Record<keyof Hour, number>> = {
  heapMB: 10,
  residentMB: 80,
  databaseMB: 25,
  imagesMB: 5,
  // A vacuum has every file of the embedded database open: 185 more.
  openFiles: 220,
  // Each sync task that a client waits for has one: at most 72 at a time.
  timers: 40,
};

/** What has grown by more than it may, in words; empty when all is flat. */
export function excess(hours: readonly Hour[]): string[] {
  const grown = growth(hours);
  return Object.entries(MOST).flatMap(([figure, most]) => {
    const by = grown[figure as keyof Hour];
    return by <= most ? [] : [`${figure} has grown by ${by.toFixed(1)}, more than ${most}`];
  });
}
