/** A day in fast motion: tasks through the real server, whose clock moves on with each of them; how it stands every hour. */

import { mkdtemp, readdir, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import sharp from "sharp";
import type { Measures, Moved } from "../stand-ins/fast-server.ts";
import { seededRandom } from "../support/random.ts";
import { startReceiver } from "../support/receiver.ts";
import { type ServerProcess, startServerProcess } from "../support/server-process.ts";
import type { MovedDatabase } from "./moved-database.ts";

const DAY_MS = 86_400_000;
/** Below the time of a lease and of a heartbeat. */
const LONGEST_STEP_MS = 1_500;
/** The clock is never further than this past the beginning of a request that waits: results and images are kept for an hour. */
const LONGEST_REQUEST_MS = 40 * 60_000;
/** Figures are taken so long after the hour: at the hour itself the database is vacuumed, with many files open. */
const AFTER_HOUR_MS = 300_000;
/** A request is sent so often, at most, when its connection is reset. */
const MOST_SENDS = 4;
const CLIENTS = 6;
/** A request takes one task or a few. */
const MOST_TASKS = 12;
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
  /** Processor time of the server so far, in seconds. */
  readonly cpuSeconds: number;
}

export interface SoakOptions {
  readonly tasks: number;
  /** Where the server's folder is made; on a disk in memory, commits cost no time. */
  readonly parent?: string;
  /** PostgreSQL instead of the embedded database, with the clock of the soak. */
  readonly database?: MovedDatabase;
  onHour(hour: Hour): void;
}

/**
 * Runs so many tasks over a day; every one is followed to its end. Results and images are kept for an hour, so from the second one on all
 * should be flat. Rejects when a task is lost, or ends in another way than it has to.
 */
export async function soak({ tasks, parent = tmpdir(), database, onHour }: SoakOptions): Promise<readonly Hour[]> {
  const folder = await mkdtemp(join(parent, "inkstone-soak-"));
  const hook = await startReceiver();
  const server = await startServerProcess(
    folder,
    {
      INKSTONE_API_KEYS: KEYS.join(","),
      INKSTONE_RESULT_RETENTION: "1",
      INKSTONE_IMAGE_RETENTION: "1",
      INKSTONE_SYNC_TIMEOUT: "86400",
      INKSTONE_DEVICE: "cpu,cpu",
      ...(database && { INKSTONE_DATABASE_URL: database.url }),
    },
    { program: fileURLToPath(new URL("../stand-ins/fast-server.ts", import.meta.url)), execArgv: ["--expose-gc"] },
  );
  try {
    const base = await server.ready;
    const means = { base, seedImage: await smallPicture(), webhookURL: `${hook.url}/hook` };
    const random = seededRandom(24);
    const hours: Hour[] = [];
    let [begun, ended, measured] = [0, 0, 0];
    const takeHour = async (passedMs: number) => {
      const hour = Math.floor((passedMs - AFTER_HOUR_MS) / 3_600_000);
      if (hour <= measured) return;
      measured = hour;
      const databaseBytes = await (database?.bytes() ?? bytesIn(join(folder, "database")));
      const figures = { hour, tasks: ended, databaseMB: databaseBytes / 1e6 };
      hours.push({ ...figures, ...(await measure(server, folder, hour)) });
      onHour(hours.at(-1)!);
    };
    const clock = createClock(server, database, takeHour);
    const client = async () => {
      while (begun < tasks) {
        const count = Math.min(1 + Math.floor(random() * MOST_TASKS), tasks - begun);
        begun += count;
        const done = clock.begin();
        await oneRequest(random, count, means);
        ended += count;
        done();
        await clock.moveTo((ended / tasks) * DAY_MS);
        hook.received.length = 0;
      }
    };
    // While all wait, for a next attempt say, the clock goes on as others do.
    const ticking = setInterval(() => void clock.moveTo(clock.passedMs() + 500), 500);
    try {
      await Promise.all(Array.from({ length: CLIENTS }, client));
    } finally {
      clearInterval(ticking);
    }
    await clock.moveTo(DAY_MS + AFTER_HOUR_MS);
    return hours;
  } finally {
    await server.kill();
    await hook.close();
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

/**
 * Moves the clock of the server, and of its database, step by step. Each step is begun when what the one before made due has begun. A move stops
 * short when a request waits for too long by this clock; the next one goes on. The clock stands still during `stepped`.
 */
function createClock(
  server: ServerProcess,
  database: MovedDatabase | undefined,
  stepped: (passedMs: number) => Promise<void>,
) {
  const { child } = server;
  const begins = new Set<{ readonly ms: number }>();
  const latest = () => Math.min(...[...begins].map(({ ms }) => ms + LONGEST_REQUEST_MS));
  let [passed, target] = [0, 0];
  let moving: Promise<void> | undefined;
  const left = () => Math.min(target, latest()) - passed;
  const move = async () => {
    while (left() > 0) {
      const advanceMs = Math.min(LONGEST_STEP_MS, left());
      await database?.advance(advanceMs);
      const moved = told<Moved>(server, ({ movedMs }) => movedMs !== undefined);
      child.send({ advanceMs });
      await moved;
      passed += advanceMs;
      await stepped(passed);
    }
    moving = undefined;
  };
  return {
    passedMs: () => passed,
    /** A request begins; to be called when it has ended. */
    begin(): () => void {
      const one = { ms: passed };
      begins.add(one);
      return () => begins.delete(one);
    },
    async moveTo(ms: number): Promise<void> {
      target = Math.max(target, ms);
      if (left() <= 0) return;
      moving ??= move();
      await moving;
    },
  };
}

type Task = { readonly taskUUID: string; readonly positivePrompt: string };
type Reply = { data?: { taskUUID: string; status?: string; imageURL?: string }[]; errors?: { taskUUID: string }[] };

interface Means {
  readonly base: string;
  readonly seedImage: string;
  readonly webhookURL: string;
}

/** What clients do: mostly draw, in both ways; fetch an image, bring one, have results sent to them, err, hang up. */
async function oneRequest(random: () => number, count: number, { base, seedImage, webhookURL }: Means): Promise<void> {
  const key = KEYS[Math.floor(random() * KEYS.length)]!;
  const headers = { "content-type": "application/json", authorization: `Bearer ${key}` };
  const post = async (tasks: readonly object[], signal: AbortSignal | null = null): Promise<Reply> => {
    const response = await send(`${base}/v1`, { method: "POST", headers, body: JSON.stringify(tasks), signal });
    return (await response.json()) as Reply;
  };
  const kind = random();
  const deliveryMethod = kind < 0.25 ? "async" : "sync";
  const tasks = Array.from({ length: count }, (): Task => {
    const extra = random();
    return {
      ...task(random),
      ...{ deliveryMethod },
      ...(extra < 0.1 && { inputs: { seedImage } }),
      ...(extra > 0.1 && extra < 0.2 && { webhookURL }),
      ...(extra > 0.2 && extra < 0.21 && { positivePrompt: "error" }),
    };
  });
  if (kind > 0.97) {
    const slow = { ...task(random), positivePrompt: "step 50" };
    await post([slow], AbortSignal.timeout(20)).catch(() => {}); // hung up
  }
  let reply = await post(tasks);
  if (deliveryMethod === "async") {
    const about = (taskType: string) => tasks.map(({ taskUUID }) => ({ taskType, taskUUID }));
    await post(about("getTaskDetails").slice(0, 1));
    for (let pause = 100; pause === 100 || reply.data?.some(({ status }) => status === "processing"); pause *= 2) {
      await sleep(Math.min(pause, 2_000));
      reply = await post(about("getResponse"));
    }
  }
  requireEnds(tasks, reply);
  const url = reply.data?.find(({ imageURL }) => imageURL)?.imageURL;
  if (url && kind > 0.8) await (await send(url)).arrayBuffer();
}

/**
 * Sends a request, and again when its connection is reset: one that is kept may be closed at the moment it is used again. The same tasks under
 * the same taskUUIDs are not drawn twice.
 */
async function send(url: string, init: RequestInit = {}): Promise<Response> {
  for (let sends = 1; ; sends++) {
    try {
      return await fetch(url, init);
    } catch (error) {
      if (init.signal?.aborted || sends === MOST_SENDS) throw error;
      console.error(`${init.method ?? "GET"} ${url} is sent again:`, (error as Error).cause);
    }
  }
}

const task = (random: () => number) => ({
  taskType: "imageInference",
  taskUUID: crypto.randomUUID(),
  model: "runware:108@1",
  positivePrompt: `a teapot ${random()}`,
  width: 128,
  height: 128,
  steps: 1,
  outputFormat: "JPG",
});

/** Each task has its image, or its error when it is one that fails. */
function requireEnds(tasks: readonly Task[], reply: Reply): void {
  const images = new Set(reply.data?.filter(({ imageURL }) => imageURL).map(({ taskUUID }) => taskUUID));
  const errors = new Set(reply.errors?.map(({ taskUUID }) => taskUUID));
  for (const { taskUUID, positivePrompt } of tasks) {
    const [expected, other] = positivePrompt === "error" ? [errors, images] : [images, errors];
    if (expected.has(taskUUID) && !other.has(taskUUID)) continue;
    throw new Error(`${positivePrompt} (${taskUUID}) ended otherwise: ${JSON.stringify(reply).slice(0, 2_000)}`);
  }
}

async function measure(server: ServerProcess, folder: string, hour: number) {
  const { child } = server;
  const answer = told<Measures>(server, ({ measure }) => measure === hour);
  child.send({ measure: hour });
  const measures = await answer;
  return {
    heapMB: measures.heapBytes / 1e6,
    residentMB: measures.residentBytes / 1e6,
    imagesMB: (await bytesIn(join(folder, "images"))) / 1e6,
    openFiles: (await readdir(`/proc/${child.pid}/fd`)).length,
    timers: measures.timers,
    cpuSeconds: measures.cpuSeconds,
  };
}

/** The next message of the server that is meant; rejects when the server ends. */
function told<Message>({ child }: ServerProcess, isMeant: (message: Message) => boolean): Promise<Message> {
  return new Promise((resolve, reject) => {
    const listen = (message: Message) => {
      if (!isMeant(message)) return;
      child.off("message", listen as never).off("exit", end);
      resolve(message);
    };
    const end = (code: number | null) => reject(new Error(`the server ended with ${code}`));
    child.on("message", listen as never).on("exit", end);
  });
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
