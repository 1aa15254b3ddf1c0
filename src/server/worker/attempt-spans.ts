import type { DrawingStage } from "../../engine/index.ts";
import type { Claim } from "../tasks/index.ts";
import { type Span, type Tracer, tellPast } from "../tracing/index.ts";
import type { WorkerMetrics } from "./metrics.ts";

/** The spans of one attempt at a task: the wait in the queue, the attempt, and its stages in sequence. */
export interface AttemptSpans {
  /** Metrics that also record stages as spans. */
  readonly metrics: WorkerMetrics;
  /** Starts the span of a stage: loading the model, or a stage of generation. */
  at(stage: "load" | DrawingStage): void;
  /** Records that the engine has returned an image. */
  picture(): void;
  end(outcome: string, error?: unknown): void;
}

/** The span names of stages in this process. The engine reports the stages of generation itself. */
const STAGES = { inputs: "inputs", encode: "compress", store: "store", draw: undefined } as const;

export function beginAttempt(
  tracer: Tracer | undefined,
  claim: Omit<Claim, "task"> & { readonly task: { readonly taskType: string; readonly model?: string } },
  metrics: WorkerMetrics,
): AttemptSpans {
  if (tracer === undefined) return { metrics, at() {}, picture() {}, end() {} };
  const { attempt, waitedSeconds, taskUUID, task, trace } = claim;
  if (attempt === 1) tellPast(tracer, "task queue", waitedSeconds, { parent: trace });
  const attributes = {
    "inkstone.task.uuid": taskUUID,
    "inkstone.task.type": task.taskType,
    "inkstone.task.attempt": attempt,
    "inkstone.model": task.model,
  };
  const span = tracer.begin("task attempt", { parent: trace, kind: "consumer", attributes });
  const parent = span.traceparent;
  let current: { readonly stage: string; readonly span: Span } | undefined;
  let steps = 0;
  const leave = (error?: unknown) => {
    current?.span.end(error, current.stage === "denoise" ? { "inkstone.steps": steps } : {});
    current = undefined;
    steps = 0;
  };
  return {
    metrics: {
      ...metrics,
      step(seconds) {
        steps++;
        metrics.step(seconds);
      },
      stage(name, seconds) {
        metrics.stage(name, seconds);
        const told = STAGES[name];
        if (told !== undefined) tellPast(tracer, told, seconds, { parent });
      },
    },
    at(stage) {
      leave();
      current = { stage, span: tracer.begin(stage, { parent }) };
    },
    picture() {
      if (current?.stage === "decode") leave();
    },
    end(outcome, error) {
      leave(error);
      span.end(error, { "inkstone.outcome": outcome });
    },
  };
}
