/**
 * `npm run bench:serving`: what the server adds to the engine. A stand-in engine draws in about a millisecond and notes how
 * long it took, so that what is measured is everything else: HTTP, database, queue, process boundary, files. The server is a
 * process of its own, as in life.
 */

import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { cpus, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { inference, post } from "../contract/memory-app.ts";
import { connect } from "../contract/socket-client.ts";
import { metricsOf } from "../support/metrics.ts";
import { startServerProcess } from "../support/server-process.ts";

const SMALL = { width: 128, height: 128, steps: 1, outputFormat: "JPG" };
const REQUESTS = 300;
const folder = await mkdtemp(join(tmpdir(), "inkstone-bench-"));
const engineTimes = join(folder, "engine-times");
const url = process.env.INKSTONE_TEST_DATABASE_URL;

const begun = performance.now();
const server = await startServerProcess(folder, {
  INKSTONE_MAX_QUEUE: "100000",
  INKSTONE_LOG_LEVEL: "silent",
  INKSTONE_TEST_ENGINE_TIMES: engineTimes,
  ...(url !== undefined && { INKSTONE_DATABASE_URL: url }),
});
const base = await server.ready;
const started = performance.now() - begun;
try {
  for (let i = 0; i < REQUESTS; i++) await roundTrip(); // just-in-time compilers, folders of pictures
  const rows: (readonly [what: string, figure: string])[] = [["first start", ms(started)]];
  for (const measure of [latency, accepting, queued, pongs]) rows.push(...(await measure()));
  const load = loadavg()[0]!.toFixed(1);
  console.log(`\n${cpus().length} × ${cpus()[0]!.model}, load ${load}, ${url ? "PostgreSQL" : "PGlite"}\n`);
  console.log("| what | figure |\n|---|---|");
  for (const [what, figure] of rows) console.log(`| ${what} | ${figure} |`);
} finally {
  await server.kill();
  await rm(folder, { recursive: true, force: true, maxRetries: 5 });
}

async function roundTrip(): Promise<number> {
  const before = performance.now();
  const { status } = await post(base, [inference(SMALL)]);
  if (status !== 200) throw new Error(`a task was answered with ${status}`);
  return performance.now() - before;
}

/** From request to reply of a sync task, without what drawing and encoding took. */
async function latency() {
  const before = await stages();
  await writeFile(engineTimes, "");
  const times: number[] = [];
  for (let i = 0; i < REQUESTS; i++) times.push(await roundTrip());
  const after = await stages();
  const mean = (stage: "encode" | "store" | "wait") => ((after[stage] - before[stage]) / REQUESTS) * 1000;
  const engine = quantile((await readFile(engineTimes, "utf8")).trim().split("\n").map(Number), 0.5);
  const [p50, p99] = [quantile(times, 0.5), quantile(times, 0.99)];
  return [
    ["sync task, request to reply, p50", ms(p50)],
    ["sync task, request to reply, p99", ms(p99)],
    ["of that, the stand-in engine, p50", ms(engine)],
    ["of that, encoding the picture (mean)", ms(mean("encode"))],
    ["**added by the server, p50**", ms(p50 - mean("encode") - engine)],
    ["of that, accepted until started (mean)", ms(mean("wait"))],
    ["of that, storing the picture, synced to disk (mean)", ms(mean("store"))],
  ] as const;
}

/** Async tasks accepted each second: 20 requests at once, and all in one request. */
async function accepting() {
  const count = 500;
  let before = performance.now();
  for (let i = 0; i < count; i += 20) {
    await Promise.all(Array.from({ length: 20 }, () => post(base, [slowTask()])));
  }
  const single = (count / (performance.now() - before)) * 1000;
  before = performance.now();
  for (let i = 0; i < count; i += 100) await post(base, Array.from({ length: 100 }, slowTask));
  const batched = (count / (performance.now() - before)) * 1000;
  return [
    ["tasks accepted, one a request, 20 requests at once", `${single.toFixed(0)}/s`],
    ["tasks accepted, 100 a request", `${batched.toFixed(0)}/s`],
  ] as const;
}

/** Memory of the server while a thousand more tasks wait. */
async function queued() {
  const before = await residentBytes();
  let most = before;
  for (let i = 0; i < 1000; i += 100) {
    await post(base, Array.from({ length: 100 }, slowTask));
    most = Math.max(most, await residentBytes());
  }
  for (let i = 0; i < 10; i++) {
    await sleep(200);
    most = Math.max(most, await residentBytes());
  }
  const waiting = await metric('inkstone_tasks{state="queued"}');
  return [
    [`memory of the server, ${waiting} tasks waiting`, `${(most / 2 ** 20).toFixed(0)} MB`],
    ["of that, through the last 1,000 tasks", `${((most - before) / 2 ** 20).toFixed(0)} MB`],
  ] as const;
}

/** Pings over a WebSocket while the engine is busy and the queue is full. */
async function pongs() {
  const client = await connect(`${base.replace("http", "ws")}/v1`);
  const times: number[] = [];
  for (let i = 0; i < 500; i++) {
    const before = performance.now();
    client.send({ taskType: "ping", ping: true });
    await client.next();
    times.push(performance.now() - before);
    await sleep(10);
  }
  client.socket.close();
  return [
    ["pong while the engine is busy, p50", ms(quantile(times, 0.5))],
    ["pong while the engine is busy, worst of 500", ms(quantile(times, 1))],
  ] as const;
}

/** A task that keeps the engine busy for a tenth of a second. */
function slowTask() {
  return inference({ ...SMALL, positivePrompt: "step 100", deliveryMethod: "async" });
}

async function metric(name: string): Promise<number> {
  const text = await metricsOf(base);
  const line = text.split("\n").find((each) => each.startsWith(`${name} `));
  return Number(line?.slice(name.length + 1) ?? 0);
}

function residentBytes(): Promise<number> {
  return metric("process_resident_memory_bytes");
}

async function stages() {
  return {
    encode: await metric('inkstone_stage_seconds_sum{stage="encode"}'),
    store: await metric('inkstone_stage_seconds_sum{stage="store"}'),
    wait: await metric("inkstone_task_wait_seconds_sum"),
  };
}

function quantile(values: readonly number[], q: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))]!;
}

function ms(value: number): string {
  return `${value.toFixed(1)} ms`;
}
