/** Starts, speaks to and kills the stand-in server. */

import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { Submission } from "../../src/tasks/index.ts";
import type { FromServer, ServerSettings, ToServer } from "../stand-ins/server.ts";

const PROGRAM = fileURLToPath(new URL("../stand-ins/server.ts", import.meta.url));

export class ServerProcess {
  readonly child: ChildProcess;
  readonly ready: Promise<void>;
  /** What it wrote on standard error. */
  errors = "";
  readonly exited: Promise<number | null>;
  private idle = Promise.withResolvers<void>();
  private readonly acknowledged = new Map<string, () => void>();

  constructor(settings: ServerSettings) {
    this.child = fork(PROGRAM, [JSON.stringify(settings)], {
      stdio: ["ignore", "ignore", "pipe", "ipc"],
      execArgv: [],
    });
    this.child.stderr!.on("data", (chunk) => (this.errors += chunk));
    this.exited = new Promise((resolve) => this.child.once("exit", resolve));
    this.ready = new Promise((resolve, reject) => {
      this.child.on("message", (message: FromServer) => {
        if (message.type === "ready") resolve();
        else if (message.type === "idle") this.idle.resolve();
        else this.acknowledged.get(message.taskUUID)?.();
      });
      this.child.once("exit", () => reject(new Error(`the server ended: ${this.errors}`)));
    });
    this.ready.catch(() => {});
  }

  /** Resolves when the server has acknowledged the task; never, when it is killed before. */
  submit(owner: string, { task, request }: Submission): Promise<void> {
    return new Promise((resolve) => {
      this.acknowledged.set(task.taskUUID, resolve);
      this.child.send({ type: "submit", owner, request } satisfies ToServer, () => {});
    });
  }

  /** Resolves when no task is open and no delivery due any more. */
  untilIdle(): Promise<void> {
    this.idle = Promise.withResolvers();
    this.child.send({ type: "tellIdle" } satisfies ToServer, () => {});
    return this.idle.promise;
  }

  async kill(): Promise<void> {
    this.child.kill("SIGKILL");
    await this.exited;
  }
}
