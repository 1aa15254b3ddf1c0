/**
 * `npm run bench:serving`: what the server adds to the engine. A stand-in engine draws in about a millisecond, so that what is
 * measured is everything else: HTTP, database, queue, process boundary, files. Client and server share this process and its
 * event loop, so the figures are upper bounds.
 */

import { cpus, loadavg } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { inference, post } from "../contract/memory-app.ts";
import { type ContractServer, startContractServer } from "../contract/server.ts";
import { connect } from "../contract/socket-client.ts";

const ENGINE = fileURLToPath(new URL("../stand-ins/engine.mjs", import.meta.url));
const SMALL = { width: 128, height: 128, steps: 1, outputFormat: "JPG" };
const env: Record<string, string> = { INKSTONE_MAX_QUEUE: "100000" };
if (process.env.INKSTONE_TEST_DATABASE_URL) env.INKSTONE_DATABASE_URL = process.env.INKSTONE_TEST_DATABASE_URL;

const server = await startContractServer(env, { engineProgram: ENGINE });
const key = { key: server.key };
try {
  for (let i = 0; i < 20; i++) await roundTrip(); // warm up
  const rows = [await latency(), await accepting(), await queued(), await pongs()].flat();
  const load = loadavg()[0]!.toFixed(1);
  console.log(
    `\n${cpus().length} × ${cpus()[0]!.model}, load ${load}, ${env.INKSTONE_DATABASE_URL ? "PostgreSQL" : "PGlite"}\n`,
  );
  console.log("| what | figure |\n|---|---|");
  for (const [what, figure] of rows) console.log(`| ${what} | ${figure} |`);
} finally {
  await server.stop();
}

async function roundTrip(): Promise<number> {
  const before = performance.now();
  const { status } = await post(server.base, [inference(SMALL)], key);
  if (status !== 200) throw new Error(`a task was answered with ${status}`);
  return performance.now() - before;
}

/** From request to reply of a sync task, without what drawing and encoding took. */
async function latency() {
  const before = await stages(server);
  const times: number[] = [];
  for (let i = 0; i < 200; i++) times.push(await roundTrip());
  const after = await stages(server);
  const encode = ((after.encode - before.encode) / 200) * 1000;
  const wait = ((after.wait - before.wait) / 200) * 1000;
  const [p50, p99] = [quantile(times, 0.5), quantile(times, 0.99)];
  return [
    ["sync task, request to reply, p50", ms(p50)],
    ["sync task, request to reply, p99", ms(p99)],
    ["of that, encoding the picture (mean)", ms(encode)],
    ["of that, stand-in engine (one step of 1 ms)", ms(1)],
    ["added by the server, p50", ms(p50 - encode - 1)],
    ["accepted until started (mean)", ms(wait)],
  ] as const;
}

/** Async tasks accepted each second: 20 requests at once, and all in one request. */
async function accepting() {
  const count = 500;
  let before = performance.now();
  for (let i = 0; i < count; i += 20) {
    await Promise.all(Array.from({ length: 20 }, () => post(server.base, [slowTask()], key)));
  }
  const single = (count / (performance.now() - before)) * 1000;
  before = performance.now();
  for (let i = 0; i < count; i += 100) await post(server.base, Array.from({ length: 100 }, slowTask), key);
  const batched = (count / (performance.now() - before)) * 1000;
  return [
    ["tasks accepted, one a request, 20 requests at once", `${single.toFixed(0)}/s`],
    ["tasks accepted, 100 a request", `${batched.toFixed(0)}/s`],
  ] as const;
}

/** Memory while a thousand tasks wait. */
async function queued() {
  const before = process.memoryUsage.rss();
  let most = before;
  const watch = setInterval(() => {
    most = Math.max(most, process.memoryUsage.rss());
  }, 20);
  for (let i = 0; i < 1000; i += 100) await post(server.base, Array.from({ length: 100 }, slowTask), key);
  await sleep(2000);
  clearInterval(watch);
  const metrics = await (await fetch(`${server.base}/metrics`)).text();
  const waiting = Number(/inkstone_tasks\{state="queued"\} (\d+)/.exec(metrics)![1]);
  return [
    [`memory with ${waiting} tasks waiting, over that before`, `${((most - before) / 2 ** 20).toFixed(0)} MB`],
  ] as const;
}

/** Pings over a WebSocket while the engine is busy and the queue is full. */
async function pongs() {
  const client = await connect(server.socketUrl);
  const times: number[] = [];
  for (let i = 0; i < 200; i++) {
    const before = performance.now();
    client.send({ taskType: "ping", ping: true });
    await client.next();
    times.push(performance.now() - before);
    await sleep(10);
  }
  client.socket.close();
  return [
    ["pong while the engine is busy, p50", ms(quantile(times, 0.5))],
    ["pong while the engine is busy, worst of 200", ms(quantile(times, 1))],
  ] as const;
}

/** A task that keeps the engine busy for a tenth of a second. */
function slowTask() {
  return inference({ ...SMALL, positivePrompt: "step 100", deliveryMethod: "async" });
}

async function stages({ base }: ContractServer): Promise<{ encode: number; wait: number }> {
  const text = await (await fetch(`${base}/metrics`)).text();
  const sum = (name: string) => Number(new RegExp(`^${name} (.*)$`, "m").exec(text)?.[1] ?? 0);
  return { encode: sum('inkstone_stage_seconds_sum\\{stage="encode"\\}'), wait: sum("inkstone_task_wait_seconds_sum") };
}

function quantile(values: readonly number[], q: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))]!;
}

function ms(value: number): string {
  return `${value.toFixed(1)} ms`;
}
