/** A day in fast motion: tasks through the real server, whose clock moves on with each of them; how it stands every hour. */

import { mkdtemp, readdir, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import sharp from "sharp";
import type { Measures } from "../stand-ins/fast-server.ts";
import { seededRandom } from "../support/random.ts";
import { startReceiver } from "../support/receiver.ts";
import { type ServerProcess, startServerProcess } from "../support/server-process.ts";

const DAY_MS = 86_400_000;
/** Below the time of a lease and of a heartbeat. */
const LONGEST_STEP_MS = 1_500;
const CLIENTS = 6;
const KEYS = ["one", "two", "three"];

export interface Hour {
  readonly hour: number;
  readonly tasks: number;
  readonly heapMB: number;
  readonly residentMB: number;
  readonly databaseMB: number;
  readonly imagesMB: number;
  readonly openFiles: number;
  readonly timers: number;
}

export interface SoakOptions {
  readonly tasks: number;
  /** Where the server's folder is made; on a disk in memory, commits cost no time. */
  readonly parent?: string;
  onHour(hour: Hour): void;
}

/** Runs so many tasks over a day. Results and images are kept for an hour, so from the second one on all should be flat. */
export async function soak({ tasks, parent = tmpdir(), onHour }: SoakOptions): Promise<readonly Hour[]> {
  const folder = await mkdtemp(join(parent, "inkstone-soak-"));
  const hook = await startReceiver();
  const server = await startServerProcess(
    folder,
    { INKSTONE_API_KEYS: KEYS.join(","), INKSTONE_RESULT_RETENTION: "1", INKSTONE_IMAGE_RETENTION: "1" },
    { program: fileURLToPath(new URL("../stand-ins/fast-server.ts", import.meta.url)), execArgv: ["--expose-gc"] },
  );
  try {
    const base = await server.ready;
    const seedImage = await smallPicture();
    const random = seededRandom(24);
    const hours: Hour[] = [];
    let [begun, ended, passed, measured] = [0, 0, 0, 0];
    const client = async () => {
      while (begun < tasks) {
        begun++;
        await oneTask(base, random, { seedImage, webhookURL: `${hook.url}/hook` });
        ended++;
        passed = await moveOn(server, passed, (ended / tasks) * DAY_MS);
        hook.received.length = 0;
        const hour = Math.floor(passed / 3_600_000);
        if (hour > measured) {
          measured = hour;
          hours.push(await measure(server, folder, hour, ended));
          onHour(hours.at(-1)!);
        }
      }
    };
    await Promise.all(Array.from({ length: CLIENTS }, client));
    return hours;
  } finally {
    await server.kill();
    await hook.close();
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

async function moveOn({ child }: ServerProcess, from: number, to: number): Promise<number> {
  for (let at = from; at < to; at += LONGEST_STEP_MS) {
    child.send({ advanceMs: Math.min(LONGEST_STEP_MS, to - at) });
    // What became due is begun before the clock moves again.
    if (to - at > LONGEST_STEP_MS) await new Promise((resolve) => setImmediate(resolve));
  }
  return Math.max(from, to);
}

/** What clients do: mostly draw, in both ways; fetch the image, bring one, cancel, err, hang up. */
async function oneTask(base: string, random: () => number, means: { seedImage: string; webhookURL: string }) {
  const key = KEYS[Math.floor(random() * KEYS.length)]!;
  const kind = random();
  const task = {
    taskType: "imageInference",
    taskUUID: crypto.randomUUID(),
    model: "runware:108@1",
    positivePrompt: `a teapot ${random()}`,
    width: 128,
    height: 128,
    steps: 1,
    ...(kind < 0.1 && { inputs: { seedImage: means.seedImage } }),
    ...(kind > 0.1 && kind < 0.2 && { webhookURL: means.webhookURL }),
    ...(kind > 0.2 && kind < 0.21 && { positivePrompt: "error" }),
  };
  const post = async (body: object, signal?: AbortSignal) => {
    const headers = { "content-type": "application/json", authorization: `Bearer ${key}` };
    const response = await fetch(`${base}/v1`, {
      method: "POST",
      headers,
      body: JSON.stringify([body]),
      signal: signal ?? null,
    });
    return (await response.json()) as { data?: { status?: string; imageURL?: string }[] };
  };
  if (kind > 0.98) {
    await post({ ...task, positivePrompt: "step 50" }, AbortSignal.timeout(20)).catch(() => {}); // hung up
  } else if (kind > 0.15) {
    const { data } = await post(task);
    const url = data?.[0]?.imageURL;
    if (url && kind > 0.9) await (await fetch(url)).arrayBuffer();
  } else {
    await post({ ...task, deliveryMethod: "async" });
    if (kind > 0.12) await post({ taskType: "getTaskDetails", taskUUID: task.taskUUID });
    const isProcessing = async () => {
      const { data } = await post({ taskType: "getResponse", taskUUID: task.taskUUID });
      return data?.some(({ status }) => status === "processing");
    };
    while (await isProcessing()) await sleep(20);
  }
}

async function measure(server: ServerProcess, folder: string, hour: number, tasks: number): Promise<Hour> {
  const { child } = server;
  const measures = await new Promise<Measures>((resolve) => {
    const listen = (message: Measures) => {
      if (message.measure !== hour) return;
      child.off("message", listen as never);
      resolve(message);
    };
    child.on("message", listen as never);
    child.send({ measure: hour });
  });
  return {
    hour,
    tasks,
    heapMB: measures.heapBytes / 1e6,
    residentMB: measures.residentBytes / 1e6,
    databaseMB: (await bytesIn(join(folder, "database"))) / 1e6,
    imagesMB: (await bytesIn(join(folder, "images"))) / 1e6,
    openFiles: (await readdir(`/proc/${child.pid}/fd`)).length,
    timers: measures.timers,
  };
}

/** Of all files in a folder; those that go meanwhile count nothing. */
export async function bytesIn(folder: string): Promise<number> {
  const names = await readdir(folder, { recursive: true, withFileTypes: true });
  let bytes = 0;
  for (const entry of names) {
    if (entry.isFile()) bytes += (await stat(join(entry.parentPath, entry.name)).catch(() => ({ size: 0 }))).size;
  }
  return bytes;
}

async function smallPicture(): Promise<string> {
  const create = { width: 128, height: 128, channels: 3 as const, background: "#804020" };
  return (await sharp({ create }).png().toBuffer()).toString("base64");
}

/** By how much each figure grew from the first third of the hours after the second one to the last third: medians, in the figure's own unit. */
export function growth(hours: readonly Hour[]): { readonly [Figure in keyof Hour]: number } {
  const settled = hours.slice(2);
  const third = Math.max(1, Math.floor(settled.length / 3));
  const median = (some: readonly Hour[], figure: keyof Hour) => {
    const sorted = some.map((hour) => hour[figure]).sort((a, b) => a - b);
    return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
  };
  const grown = (figure: keyof Hour) => median(settled.slice(-third), figure) - median(settled.slice(0, third), figure);
  const figures = Object.keys(settled[0] ?? {}) as (keyof Hour)[];
  return Object.fromEntries(figures.map((figure) => [figure, grown(figure)])) as { [Figure in keyof Hour]: number };
}
