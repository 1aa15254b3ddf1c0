import type { DrawingStage } from "../../engine/index.ts";
import type { Claim } from "../tasks/index.ts";
import { type Attributes, type Span, type Tracer, tellPast } from "../tracing/index.ts";
import type { WorkerMetrics } from "./metrics.ts";

/** The span of one attempt at a task, and those of its stages in sequence. */
export interface AttemptSpan {
  /** For further child spans. */
  readonly traceparent: string | undefined;
  /** The current stage. */
  readonly stage: string | undefined;
  /** Ends the span of the current stage and starts the next one; undefined: none follows. */
  at(stage: string | undefined): void;
  /** Ends all spans. */
  end(outcome: string, error?: unknown): void;
}

/** An attempt, with the attributes of its span. */
type TracedClaim = Pick<Claim, "attempt" | "waitedSeconds" | "taskUUID" | "trace"> & {
  readonly task: { readonly taskType: string; readonly model?: string; readonly air?: string };
};

interface SpanHooks {
  /** The attributes of a stage, when it ends. */
  attributesOf?(stage: string): Attributes;
}

/** Records the wait in the queue and begins the span of an attempt. Without a tracer it does nothing. */
export function beginSpan(
  tracer: Tracer | undefined,
  { attempt, waitedSeconds, taskUUID, task, trace }: TracedClaim,
  { attributesOf = () => ({}) }: SpanHooks = {},
): AttemptSpan {
  if (tracer === undefined) return { traceparent: undefined, stage: undefined, at() {}, end() {} };
  if (attempt === 1) tellPast(tracer, "task queue", waitedSeconds, { parent: trace });
  const attributes = {
    "inkstone.task.uuid": taskUUID,
    "inkstone.task.type": task.taskType,
    "inkstone.task.attempt": attempt,
    "inkstone.model": task.model ?? task.air,
  };
  const span = tracer.begin("task attempt", { parent: trace, kind: "consumer", attributes });
  const { traceparent } = span;
  let current: { readonly stage: string; readonly span: Span } | undefined;
  const leave = (error?: unknown) => {
    if (current !== undefined) current.span.end(error, attributesOf(current.stage));
    current = undefined;
  };
  return {
    traceparent,
    get stage() {
      return current?.stage;
    },
    at(stage) {
      leave();
      if (stage !== undefined) current = { stage, span: tracer.begin(stage, { parent: traceparent }) };
    },
    end(outcome, error) {
      leave(error);
      span.end(error, { "inkstone.outcome": outcome });
    },
  };
}

/** The spans of one attempt at an image task. */
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

/** Begins the spans of an attempt at an image task. */
export function beginAttempt(tracer: Tracer | undefined, claim: TracedClaim, metrics: WorkerMetrics): AttemptSpans {
  if (tracer === undefined) return { metrics, at() {}, picture() {}, end() {} };
  let steps = 0;
  const span = beginSpan(tracer, claim, {
    attributesOf: (stage) => (stage === "denoise" ? { "inkstone.steps": steps } : {}),
  });
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
        if (told !== undefined) tellPast(tracer, told, seconds, { parent: span.traceparent });
      },
    },
    at(stage) {
      span.at(stage);
      steps = 0;
    },
    picture() {
      if (span.stage === "decode") span.at(undefined);
    },
    end: span.end,
  };
}
