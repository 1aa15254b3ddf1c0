import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createInterface, type Interface } from "node:readline";

/** One picture to draw: a line of JSON on a drawer's stdin. */
export interface Job {
  readonly prompt: string;
  readonly negativePrompt: string;
  readonly guidance: number;
  readonly width: number;
  readonly height: number;
  readonly steps: number;
  readonly seed: number;
}

/** Seconds of one picture, as a drawer answers: all of it, and what its networks took. */
export interface Timing {
  readonly total: number;
  readonly text: number;
  readonly transformer: number;
  readonly decode: number;
}

export interface Command {
  readonly file: string;
  readonly args: readonly string[];
}

/** A process that holds a loaded checkpoint and draws on demand: Inkstone's `inkstone.ts` or diffusers' `reference/bench.py`. */
export class Drawer {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #lines: AsyncIterator<string>;
  readonly #errors: string[];

  private constructor(child: ChildProcessWithoutNullStreams, lines: Interface, errors: string[]) {
    this.#child = child;
    this.#lines = lines[Symbol.asyncIterator]();
    this.#errors = errors;
  }

  /** Starts the process and waits until its checkpoint is loaded. */
  static async start({ file, args }: Command): Promise<Drawer> {
    const child = spawn(file, args);
    const errors: string[] = [];
    child.stderr.on("data", (chunk) => errors.push(String(chunk)));
    const drawer = new Drawer(child, createInterface(child.stdout), errors);
    await drawer.#read();
    return drawer;
  }

  async draw(job: Job): Promise<Timing> {
    this.#child.stdin.write(`${JSON.stringify(job)}\n`);
    return JSON.parse(await this.#read());
  }

  /** Largest memory the process ever held, bytes. */
  peakMemory(): number {
    return peakMemory(this.#child.pid!);
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null) return;
    const closed = once(this.#child, "close");
    this.#child.stdin.end();
    await closed;
  }

  async #read(): Promise<string> {
    const { value, done } = await this.#lines.next();
    if (done) throw new Error(`${this.#child.spawnargs.join(" ")} ended early:\n${this.#errors.join("")}`);
    return value;
  }
}

/** From the start of a process to the first line it prints, which says that the picture is written. */
export async function coldStart({ file, args }: Command): Promise<{ seconds: number; peak: number }> {
  const start = performance.now();
  const child = spawn(file, args);
  const errors: string[] = [];
  child.stderr.on("data", (chunk) => errors.push(String(chunk)));
  let peak = 0;
  const watch = setInterval(() => {
    peak = Math.max(peak, peakMemory(child.pid!));
  }, 10);
  let seconds: number | undefined;
  child.stdout.once("data", () => {
    seconds = (performance.now() - start) / 1000;
    peak = Math.max(peak, peakMemory(child.pid!));
  });
  const [code] = await once(child, "close");
  clearInterval(watch);
  if (code !== 0 || seconds === undefined) throw new Error(`${child.spawnargs.join(" ")} failed:\n${errors.join("")}`);
  return { seconds, peak };
}

/** VmHWM of a process from Linux' /proc; 0 when it is gone. */
function peakMemory(pid: number): number {
  try {
    const status = readFileSync(`/proc/${pid}/status`, "utf8");
    return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1024;
  } catch {
    return 0;
  }
}
