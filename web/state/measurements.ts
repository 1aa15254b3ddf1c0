/** Metrics of the server (`/metrics`) over the last minutes. They are read only while they are visible. */

import { signal } from "@preact/signals";
import { requestText } from "../api/server.ts";

export interface Measurement {
  readonly at: number;
  /** Bytes of the server process. */
  readonly memory: number;
  readonly waiting: number;
  readonly running: number;
  /** Seconds of a step since the last measurement; undefined without any steps. */
  readonly step?: number;
}

const EVERY_MS = 2000;
const KEPT = 300;

export const measurements = signal<readonly Measurement[]>([]);
let last: { readonly sum: number; readonly count: number } | undefined;

/** The sum of all values of a metric with labels that contain `label`. */
export function metricOf(text: string, name: string, label = ""): number {
  const lines = text.split("\n").filter((line) => line.startsWith(name) && /[ {]/.test(line[name.length] ?? ""));
  return lines.filter((line) => line.includes(label)).reduce((sum, line) => sum + Number(line.split(" ").at(-1)), 0);
}

async function measure(): Promise<void> {
  const text = await requestText("/metrics");
  const steps = {
    sum: metricOf(text, "inkstone_step_seconds_sum"),
    count: metricOf(text, "inkstone_step_seconds_count"),
  };
  const made = last === undefined ? 0 : steps.count - last.count;
  const step = last !== undefined && made > 0 ? (steps.sum - last.sum) / made : undefined;
  last = steps;
  const measurement: Measurement = {
    at: Date.now(),
    memory: metricOf(text, "process_resident_memory_bytes"),
    waiting: metricOf(text, "inkstone_tasks", 'state="queued"'),
    running: metricOf(text, "inkstone_tasks", 'state="running"'),
    ...(step !== undefined && { step }),
  };
  measurements.value = [...measurements.value.slice(1 - KEPT), measurement];
}

/** Measures until the returned function is called. */
export function keepMeasuring(): () => void {
  const now = () => void measure().catch(() => {});
  now();
  const timer = setInterval(now, EVERY_MS);
  return () => clearInterval(timer);
}
