export { createEngineProcess, type EngineProcess } from "../../drawing/index.ts";
export { createWorkerMetrics, type WorkerMetrics } from "./metrics.ts";
export { type Receiver, startReceiver } from "./receiver.ts";
export { startWorker, type Worker, type WorkerOptions } from "./worker.ts";
