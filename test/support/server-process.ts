/** Starts the real server (with the stand-in engine) in a process of its own, speaks to it over HTTP, and kills it. */

import { type ChildProcess, fork } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { Submission } from "../../src/server/tasks/index.ts";
import { metricsOf } from "./metrics.ts";

const PROGRAM = fileURLToPath(new URL("../stand-ins/server.ts", import.meta.url));

/** A checkpoint that could be loaded, as readiness asks of the default model; the stand-in engine does not look at it. */
const CHECKPOINT = fileURLToPath(new URL("../fixtures/plain/checkpoint", import.meta.url));

/** A model for the stand-in engine. */
async function installModel(folder: string): Promise<string> {
  const models = join(folder, "models");
  await mkdir(join(models, "stand-in"), { recursive: true });
  const card = { air: "runware:108@1", name: "Stand-in", checkpoint: CHECKPOINT };
  await writeFile(join(models, "stand-in", "card.json"), JSON.stringify(card));
  return models;
}

export type ServerProcess = Awaited<ReturnType<typeof startServerProcess>>;

/** Another program around the server, and flags of Node's. */
export interface ProcessOptions {
  readonly program?: string;
  readonly execArgv?: readonly string[];
}

export async function startServerProcess(
  folder: string,
  env: Readonly<Record<string, string>> = {},
  { program = PROGRAM, execArgv = [] }: ProcessOptions = {},
) {
  const child: ChildProcess = fork(program, [], {
    stdio: ["ignore", "ignore", "pipe", "ipc"],
    execArgv: [...execArgv],
    env: {
      ...process.env,
      INKSTONE_DATA_DIR: folder,
      INKSTONE_MODELS_DIR: await installModel(folder),
      INKSTONE_PORT: "0",
      INKSTONE_LOG_LEVEL: "error",
      INKSTONE_ALLOWED_ADDRESSES: "127.0.0.1",
      ...env,
    },
  });
  let errors = "";
  child.stderr!.on("data", (chunk) => {
    errors += chunk;
  });
  const exited = new Promise<number | null>((resolve) => child.once("exit", resolve));
  /** Where it listens; rejects when it ends before it does. */
  const ready = new Promise<string>((resolve, reject) => {
    child.once("message", (address: string) => resolve(address));
    void exited.then((code) => reject(new Error(`the server ended with ${code}: ${errors}`)));
  });
  ready.catch(() => {});

  async function post(task: string): Promise<{ status: number; body: { data: Item[]; errors?: Item[] } }> {
    const headers = { "content-type": "application/json", authorization: "Bearer any" };
    const response = await fetch(`${await ready}/v1`, { method: "POST", headers, body: `[${task}]` });
    return { status: response.status, body: (await response.json()) as { data: Item[]; errors?: Item[] } };
  }

  return {
    child,
    ready,
    exited,
    errors: () => errors,
    post,
    /** Resolves when the server has acknowledged the task; rejects when it is killed before. */
    async submit({ request }: Submission): Promise<void> {
      const { status, body } = await post(request);
      if (status !== 200) throw new Error(`not accepted: ${JSON.stringify(body)} ${errors}`);
    },
    /** How the task stands, by getResponse. */
    async standing(taskUUID: string): Promise<{ data: Item[]; errors?: Item[] }> {
      return (await post(JSON.stringify({ taskType: "getResponse", taskUUID }))).body;
    },
    /** Resolves when a task is being drawn. */
    async drawing(): Promise<void> {
      const metrics = async () => metricsOf(await ready);
      while (!/inkstone_tasks\{state="running"\} [1-9]/.test(await metrics())) await sleep(20);
    },
    /** Resolves with the final answer. */
    async final(taskUUID: string): Promise<{ data: Item[]; errors?: Item[] }> {
      for (;;) {
        const answer = (await post(JSON.stringify({ taskType: "getResponse", taskUUID }))).body;
        if (!answer.data?.some(({ status }) => status === "processing")) return answer;
        await sleep(50);
      }
    },
    async kill(): Promise<void> {
      child.kill("SIGKILL");
      await exited;
    },
  };
}

export interface Item {
  readonly taskUUID: string;
  readonly status?: string;
  readonly imageUUID?: string;
  readonly imageURL?: string;
  readonly seed?: number;
  readonly code?: string;
  readonly message?: string;
}
