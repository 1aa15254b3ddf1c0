import { type MetricObject, Registry } from "prom-client";
import { createHttpMetrics } from "../../src/server/http/index.ts";
import { createWorkerMetrics } from "../../src/server/worker/index.ts";
import { countDevices } from "../../src/server/workers.ts";
import type { Block } from "./blocks.ts";

/** The page of the metrics, made from their registration. */
export function metricsReference(): Block[] {
  const register = new Registry();
  createHttpMetrics(register, { counts: async () => ({ queued: 0, running: 0 }) });
  createWorkerMetrics(register);
  countDevices(register, []);
  // prom-client's types leave the labels out.
  const metrics = register.getMetricsAsArray() as (MetricObject & { readonly labelNames: readonly string[] })[];
  return [
    { heading: "Metrics", level: 1 },
    {
      text: "`GET /metrics` answers in the Prometheus format. It needs a key, except on a server without keys from the same machine. Times are in seconds. The metrics of Node and of the process (`nodejs_…`, `process_…`) are there too.",
    },
    {
      columns: ["metric", "type", "labels", "description"],
      rows: metrics
        .toSorted((a, b) => (a.name < b.name ? -1 : 1))
        .map(({ name, type, labelNames, help }) => ({
          cells: [`\`${name}\``, String(type), labelNames.map((label) => `\`${label}\``).join(", "), help],
        })),
    },
  ];
}
