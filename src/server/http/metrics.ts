import { Counter, Gauge, Histogram, type Registry } from "prom-client";
import { DatabaseUnavailableError } from "../database/index.ts";
import type { SubmitOutcome, TaskService } from "../tasks/index.ts";

/** The metrics of the HTTP side. */
export interface HttpMetrics {
  accepted(kind: SubmitOutcome["kind"]): void;
  refused(code: string): void;
  replied(route: string, status: number, seconds: number): void;
  sockets(change: 1 | -1): void;
  /** The text of `/metrics` and its media type. */
  text(): Promise<{ readonly body: string; readonly contentType: string }>;
}

/** Registers the metrics of the HTTP side. The registry may contain other metrics too. */
export function createHttpMetrics(register: Registry, tasks: Pick<TaskService, "counts">): HttpMetrics {
  const registers = [register];
  const submissions = new Counter({
    name: "inkstone_submissions_total",
    help: "Submitted tasks, by outcome: accepted, known, conflict, queueFull",
    labelNames: ["outcome"],
    registers,
  });
  const errors = new Counter({
    name: "inkstone_errors_total",
    help: "Errors sent to clients, by code",
    labelNames: ["code"],
    registers,
  });
  const replies = new Histogram({
    name: "inkstone_http_reply_seconds",
    help: "Time from request to reply",
    labelNames: ["route", "status"],
    buckets: [0.005, 0.02, 0.1, 0.5, 2, 10, 60, 300],
    registers,
  });
  const sockets = new Gauge({ name: "inkstone_websockets", help: "Open WebSockets", registers });
  new Gauge({
    name: "inkstone_tasks",
    help: "Queued and running tasks",
    labelNames: ["state"],
    registers,
    async collect() {
      const counts = await tasks.counts().catch(unlessOutage);
      if (counts === undefined) return this.reset();
      this.set({ state: "queued" }, counts.queued);
      this.set({ state: "running" }, counts.running);
    },
  });
  return {
    accepted: (outcome) => submissions.inc({ outcome }),
    refused: (code) => errors.inc({ code }),
    replied: (route, status, seconds) => replies.observe({ route, status }, seconds),
    sockets: (change) => sockets.inc(change),
    text: async () => ({ body: await register.metrics(), contentType: register.contentType }),
  };
}

/** While the database is unreachable, tasks cannot be counted. All other metrics are still reported. */
function unlessOutage(thrown: unknown): undefined {
  if (!(thrown instanceof DatabaseUnavailableError)) throw thrown;
}
