import { Counter, Histogram, type Registry } from "prom-client";

/** The metrics of a worker. */
export interface WorkerMetrics {
  started(waitedSeconds: number): void;
  step(seconds: number): void;
  stage(name: "inputs" | "draw" | "encode" | "store", seconds: number): void;
  ended(outcome: string, seconds: number): void;
  /** Records a search for faces in an image. */
  faces(found: number): void;
  /** Records a safety check of an image. */
  checked(report: { readonly scores: Readonly<Record<string, number>>; readonly flagged: boolean }): void;
}

const LONG = [0.05, 0.2, 1, 5, 20, 60, 300, 1200];

/** Registers the metrics of a worker. */
export function createWorkerMetrics(register: Registry): WorkerMetrics {
  const registers = [register];
  const waits = new Histogram({
    name: "inkstone_task_wait_seconds",
    help: "Time from acceptance to start",
    buckets: [0.005, ...LONG],
    registers,
  });
  const steps = new Histogram({
    name: "inkstone_step_seconds",
    help: "Time of a denoising step",
    buckets: [0.01, ...LONG],
    registers,
  });
  const stages = new Histogram({
    name: "inkstone_stage_seconds",
    help: "Time of a stage of a task",
    labelNames: ["stage"],
    buckets: [0.005, ...LONG],
    registers,
  });
  const runs = new Histogram({
    name: "inkstone_attempt_seconds",
    help: "Time of an attempt at a task, by its outcome",
    labelNames: ["outcome"],
    buckets: LONG,
    registers,
  });
  const deaths = new Counter({
    name: "inkstone_engine_deaths_total",
    help: "Unexpected ends of the engine process",
    registers,
  });
  const faces = new Counter({ name: "inkstone_faces_refined_total", help: "Refined faces", registers });
  const checks = new Counter({
    name: "inkstone_safety_checks_total",
    help: "Images checked for safety, flagged or not",
    labelNames: ["flagged"],
    registers,
  });
  const scores = new Histogram({
    name: "inkstone_safety_score",
    help: "Scores of the safety check, by class",
    labelNames: ["class"],
    buckets: [0.1, 0.25, 0.5, 0.7, 0.9],
    registers,
  });
  return {
    started: (seconds) => waits.observe(seconds),
    step: (seconds) => steps.observe(seconds),
    stage: (stage, seconds) => stages.observe({ stage }, seconds),
    ended(outcome, seconds) {
      runs.observe({ outcome }, seconds);
      if (outcome === "engineDied" || outcome === "engineTimeout") deaths.inc();
    },
    faces: (found) => faces.inc(found),
    checked(report) {
      checks.inc({ flagged: String(report.flagged) });
      for (const [name, score] of Object.entries(report.scores)) scores.observe({ class: name }, score);
    },
  };
}

/** Runs work and records its duration, whatever the outcome. */
export async function measured<T>(
  metrics: WorkerMetrics,
  stage: Parameters<WorkerMetrics["stage"]>[0],
  work: () => Promise<T>,
): Promise<T> {
  const before = performance.now();
  try {
    return await work();
  } finally {
    metrics.stage(stage, (performance.now() - before) / 1000);
  }
}
