import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { endChild, sendTo } from "./child.ts";
import type { Call, Reply } from "./messages.ts";

export interface LazyProcessOptions {
  /** Words for the child's command line. */
  readonly args?: readonly string[];
  /** Milliseconds without a call after which the process is ended and its memory given back. Default one minute. */
  readonly idleMs?: number;
  /** Milliseconds a call may take, loading included, before the process counts as hung and is killed. Default two minutes. */
  readonly callTimeoutMs?: number;
}

/** Work that is needed now and then, in a process of its own: started by the first call, ended when idle. */
export interface LazyProcess<Request, Answer> {
  /**
   * Asks the child, starting it when there is none. Calls are answered in order.
   * @throws ProcessLost when the process ended first; the next call starts a new one
   * @throws Error with the child's own name and message when it refuses
   * @throws the reason of `signal`; the child finishes the work for nothing
   */
  call(request: Request, signal?: AbortSignal): Promise<Answer>;
  /** The running process's id, undefined while there is none. */
  readonly pid: number | undefined;
  /** Ends the process; calls under way reject with ProcessLost. The next call starts it again. */
  stop(): Promise<void>;
}

/** The process ended before it answered. */
export class ProcessLost extends Error {
  override readonly name = "ProcessLost";
}

/** The path of a child's program that stands beside a module, as TypeScript or as built. */
export function programBeside(moduleUrl: string, name: string): string {
  return fileURLToPath(new URL(`./${name}${moduleUrl.endsWith(".ts") ? ".ts" : ".js"}`, moduleUrl));
}

interface Caller<Answer> {
  resolve(answer: Answer): void;
  reject(error: unknown): void;
}

/** One run of the child and the calls it owes answers to. */
interface Run<Answer> {
  readonly child: ChildProcess;
  readonly callers: Map<number, Caller<Answer>>;
}

/** @param program path of a module that calls `serveCalls` */
export function createLazyProcess<Request, Answer>(
  program: string,
  options: LazyProcessOptions = {},
): LazyProcess<Request, Answer> {
  const { args = [], idleMs = 60_000, callTimeoutMs = 120_000 } = options;
  let current: Run<Answer> | undefined;
  let idle: NodeJS.Timeout | undefined;
  let nextId = 1;

  /** Whoever calls from now on gets a new child. */
  const end = (run: Run<Answer>): Promise<void> => {
    if (current === run) current = undefined;
    return endChild(run.child);
  };

  const begin = (): Run<Answer> => {
    const run = startChild<Answer>(program, args, () => {
      if (current === run) current = undefined;
    });
    return run;
  };

  return {
    async call(request, signal) {
      signal?.throwIfAborted();
      clearTimeout(idle);
      current ??= begin();
      const run = current;
      keepParentAlive(run.child, true);
      const id = nextId++;
      const timer = setTimeout(() => end(run), callTimeoutMs);
      let onAbort = () => {};
      try {
        return await new Promise<Answer>((resolve, reject) => {
          run.callers.set(id, { resolve, reject });
          onAbort = () => reject(signal?.reason);
          signal?.addEventListener("abort", onAbort, { once: true });
          sendTo(run.child, { id, request } satisfies Call<Request>);
        });
      } finally {
        clearTimeout(timer);
        signal?.removeEventListener("abort", onAbort);
        run.callers.delete(id);
        if (run.callers.size === 0 && current === run) {
          keepParentAlive(run.child, false);
          idle = setTimeout(() => end(run), idleMs).unref();
        }
      }
    },
    get pid() {
      return current?.child.pid;
    },
    async stop() {
      clearTimeout(idle);
      const run = current;
      run?.child.ref();
      if (run) await end(run);
    },
  };
}

function startChild<Answer>(program: string, args: readonly string[], onEnd: () => void): Run<Answer> {
  const callers = new Map<number, Caller<Answer>>();
  const child = fork(program, args, {
    serialization: "advanced",
    execArgv: [],
    stdio: ["ignore", "ignore", "inherit", "ipc"], // its libraries chat on stdout, which is for our own output
  });
  child.on("message", (reply: Reply<Answer>) => {
    const caller = callers.get(reply.id);
    if ("answer" in reply) caller?.resolve(reply.answer);
    else caller?.reject(Object.assign(new Error(reply.error.message), { name: reply.error.name }));
  });
  const lost = (how: string) => {
    onEnd();
    for (const caller of callers.values()) caller.reject(new ProcessLost(`the process ${how}`));
  };
  child.once("exit", (code, signal) => lost(`ended with ${signal ?? `exit code ${code}`}`));
  child.once("error", (error) => lost(`could not be started: ${error.message}`));
  return { child, callers };
}

/** An idle child lets this process end; one that owes an answer does not. */
function keepParentAlive(child: ChildProcess, keep: boolean): void {
  for (const handle of [child, child.channel]) keep ? handle?.ref() : handle?.unref();
}
