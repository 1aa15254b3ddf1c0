import type { ColdStart, Timing } from "./drawer.ts";

/** What one contender needed for one kind of picture. Medians; memory is the largest seen. */
export interface Result {
  readonly contender: string;
  readonly size: string;
  readonly steps: number;
  /** Process start to PNG written. */
  readonly cold: ColdStart;
  readonly warm: Timing;
  /** Bytes, of the process that drew many. */
  readonly warmPeak: number;
}

export function median(values: readonly number[]): number {
  const ordered = [...values].sort((a, b) => a - b);
  const middle = ordered.length >> 1;
  return ordered.length % 2 === 1 ? ordered[middle]! : (ordered[middle - 1]! + ordered[middle]!) / 2;
}

export function medianTiming(timings: readonly Timing[]): Timing {
  const of = (key: keyof Timing) => median(timings.map((timing) => timing[key]));
  return {
    total: of("total"),
    processor: of("processor"),
    text: of("text"),
    transformer: of("transformer"),
    transformerProcessor: of("transformerProcessor"),
    decode: of("decode"),
  };
}

export function medianStart(starts: readonly ColdStart[]): ColdStart {
  const of = (key: keyof ColdStart) => starts.map((start) => start[key]);
  return { seconds: median(of("seconds")), processor: median(of("processor")), peak: Math.max(...of("peak")) };
}

/** What is compared, with its unit. Smaller is better throughout. */
const MEASURES: readonly (readonly [string, (r: Result) => number, (value: number) => string])[] = [
  ["cold start", (r) => r.cold.seconds, seconds],
  ["… processor", (r) => r.cold.processor, seconds],
  ["warm", (r) => r.warm.total, seconds],
  ["… processor", (r) => r.warm.processor, seconds],
  ["a step", (r) => r.warm.transformer / r.steps, milliseconds],
  ["text", (r) => r.warm.text, milliseconds],
  ["decode", (r) => r.warm.decode, milliseconds],
  ["peak, one picture", (r) => r.cold.peak, megabytes],
  ["peak, many", (r) => r.warmPeak, megabytes],
];
const HEAD = MEASURES.map(([name]) => name);

/** A Markdown table, one row a contender and kind of picture. */
export function timeTable(results: readonly Result[]): string {
  const rows = results.map((r) => [
    ...[r.size, String(r.steps), r.contender],
    ...MEASURES.map(([, of, shown]) => shown(of(r))),
  ]);
  return table(["size", "steps", "", ...HEAD], rows);
}

/** How many times more the best peer needs than `ours`: in each column the peer that needs least. */
export function ratioTable(results: readonly Result[], ours: string): string {
  const rows = results
    .filter((r) => r.contender === ours)
    .map((mine) => {
      const peers = results.filter((r) => r.contender !== ours && r.size === mine.size && r.steps === mine.steps);
      const ratios = MEASURES.map(([, of]) => `${(Math.min(...peers.map(of)) / of(mine)).toFixed(2)}×`);
      return [mine.size, String(mine.steps), ...ratios];
    });
  return table(["size", "steps", ...HEAD], rows);
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}

function seconds(value: number): string {
  return `${value.toFixed(2)} s`;
}

function milliseconds(value: number): string {
  return `${(value * 1000).toFixed(1)} ms`;
}

function megabytes(bytes: number): string {
  return `${Math.round(bytes / 1e6)} MB`;
}
