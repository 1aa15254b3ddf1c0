import type { Timing } from "./drawer.ts";

/** What one contender needed for one kind of picture. Medians; memory is the largest seen. */
export interface Result {
  readonly contender: string;
  readonly size: string;
  readonly steps: number;
  /** Process start to PNG written, seconds. */
  readonly cold: number;
  readonly warm: Timing;
  /** Bytes: of the process that drew once, and of the one that drew many. */
  readonly coldPeak: number;
  readonly warmPeak: number;
}

export function median(values: readonly number[]): number {
  const ordered = [...values].sort((a, b) => a - b);
  const middle = ordered.length >> 1;
  return ordered.length % 2 === 1 ? ordered[middle]! : (ordered[middle - 1]! + ordered[middle]!) / 2;
}

export function medianTiming(timings: readonly Timing[]): Timing {
  const of = (key: keyof Timing) => median(timings.map((timing) => timing[key]));
  return { total: of("total"), text: of("text"), transformer: of("transformer"), decode: of("decode") };
}

/** A Markdown table, one row a contender and kind of picture. */
export function timeTable(results: readonly Result[]): string {
  const head = [
    "size",
    "steps",
    "",
    "cold start",
    "warm",
    "a step",
    "text",
    "decode",
    "peak, one picture",
    "peak, many",
  ];
  const rows = results.map((r) => [
    r.size,
    String(r.steps),
    r.contender,
    `${r.cold.toFixed(2)} s`,
    `${r.warm.total.toFixed(3)} s`,
    milliseconds(r.warm.transformer / r.steps),
    milliseconds(r.warm.text),
    milliseconds(r.warm.decode),
    megabytes(r.coldPeak),
    megabytes(r.warmPeak),
  ]);
  return table(head, rows);
}

/**
 * How many times more the best peer needs than `ours`: the fastest dtype for each of the times, the leanest for memory.
 */
export function ratioTable(results: readonly Result[], ours: string): string {
  const head = ["size", "steps", "cold start", "warm", "a step", "text", "decode", "peak, one picture", "peak, many"];
  const rows = results
    .filter((r) => r.contender === ours)
    .map((mine) => {
      const peers = results.filter((r) => r.contender !== ours && r.size === mine.size && r.steps === mine.steps);
      const ratio = (of: (r: Result) => number) => `${(Math.min(...peers.map(of)) / of(mine)).toFixed(2)}×`;
      return [
        mine.size,
        String(mine.steps),
        ratio((r) => r.cold),
        ratio((r) => r.warm.total),
        ratio((r) => r.warm.transformer),
        ratio((r) => r.warm.text),
        ratio((r) => r.warm.decode),
        ratio((r) => r.coldPeak),
        ratio((r) => r.warmPeak),
      ];
    });
  return table(head, rows);
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}

function milliseconds(seconds: number): string {
  return `${(seconds * 1000).toFixed(1)} ms`;
}

function megabytes(bytes: number): string {
  return `${Math.round(bytes / 1e6)} MB`;
}
