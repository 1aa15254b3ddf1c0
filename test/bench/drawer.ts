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
  /** Of an edit: how many references, of a megapixel and in noise, it is shown. */
  readonly references?: number;
}

/**
 * Seconds of one picture, as a drawer answers: all of it, what its networks took, and how long processors were busy with it.
 * The last is what stays comparable when others use the machine too.
 */
export interface Timing {
  readonly total: number;
  readonly processor: number;
  readonly text: number;
  readonly transformer: number;
  /** Of `processor`, what the transformer's passes took. */
  readonly transformerProcessor: number;
  readonly decode: number;
}

/** What a drawer says before its first picture: seconds of loading, and Inkstone's memory plan. */
export interface Ready {
  readonly load: number;
  readonly plan?: object;
}

/** Of an edit also what the vision tower and the VAE's encoder took. */
export interface EditTiming extends Timing {
  readonly tower: number;
  readonly condition: number;
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
  #ready: Ready = { load: 0 };

  private constructor(child: ChildProcessWithoutNullStreams, lines: Interface, errors: string[]) {
    this.#child = child;
    this.#lines = lines[Symbol.asyncIterator]();
    this.#errors = errors;
  }

  /** What it said once its checkpoint was loaded. */
  get ready(): Ready {
    return this.#ready;
  }

  /** Starts the process and waits until its checkpoint is loaded. */
  static async start({ file, args }: Command): Promise<Drawer> {
    const child = spawn(file, args);
    const errors: string[] = [];
    child.stderr.on("data", (chunk) => errors.push(String(chunk)));
    const drawer = new Drawer(child, createInterface(child.stdout), errors);
    drawer.#ready = JSON.parse(await drawer.#read());
    return drawer;
  }

  draw(job: Job): Promise<Timing & Partial<EditTiming>> {
    return this.ask(job);
  }

  /** One line of JSON in, one out. */
  async ask<Answer>(message: object): Promise<Answer> {
    this.#child.stdin.write(`${JSON.stringify(message)}\n`);
    return JSON.parse(await this.#read());
  }

  get pid(): number {
    return this.#child.pid!;
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
    if (done)
      throw new Error(
        `${this.#child.spawnargs.join(" ")} ended early (${this.#child.signalCode ?? "no signal"}):\n${this.#errors.join("")}`,
      );
    return value;
  }
}

/** What a process needed from its start to the first line it prints, which says that the picture is written. */
export interface ColdStart {
  readonly seconds: number;
  /** Seconds of processor time. */
  readonly processor: number;
  /** Largest memory, bytes. */
  readonly peak: number;
}

export async function coldStart({ file, args }: Command): Promise<ColdStart> {
  const start = performance.now();
  const child = spawn(file, args);
  const errors: string[] = [];
  child.stderr.on("data", (chunk) => errors.push(String(chunk)));
  let result: ColdStart | undefined;
  child.stdout.once("data", () => {
    const seconds = (performance.now() - start) / 1000;
    result = { seconds, processor: processorTime(child.pid!), peak: peakMemory(child.pid!) };
  });
  const [code] = await once(child, "close");
  if (code !== 0 || !result) throw new Error(`${child.spawnargs.join(" ")} failed:\n${errors.join("")}`);
  return result;
}

/** VmHWM of a process from Linux' /proc; 0 when it is gone. */
function peakMemory(pid: number): number {
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(procFile(pid, "status"))?.[1] ?? 0) * 1024;
}

/** utime + stime of a process from Linux' /proc, which counts hundredths of a second; 0 when it is gone. */
function processorTime(pid: number): number {
  const fields = procFile(pid, "stat").split(") ").at(-1)!.split(" ");
  return (Number(fields[11] ?? 0) + Number(fields[12] ?? 0)) / 100;
}

function procFile(pid: number, name: string): string {
  try {
    return readFileSync(`/proc/${pid}/${name}`, "utf8");
  } catch {
    return "";
  }
}
