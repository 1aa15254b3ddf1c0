/** The page as a person has it: Chromium on a real server with the bundled checkpoint. */

import { type ChildProcess, execFile, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";
import { stringifyJson } from "../../src/protocol/index.ts";

const ROOT = join(import.meta.dirname, "../..");
const CHROMIUM = process.env.INKSTONE_TEST_CHROMIUM ?? "/usr/bin/chromium";

/** Whether these tests can run here. */
export const hasChromium = existsSync(CHROMIUM);

export const DESKTOP = { width: 1280, height: 800 };
export const PHONE = { width: 390, height: 844 };

export interface Studio {
  readonly base: string;
  /** The server's data folder. */
  readonly folder: string;
  /** A page that is open at a path; what goes wrong on it is collected in `faults`. */
  open(options?: OpenOptions): Promise<StudioPage>;
  /** Asks the API as a program would. */
  ask<Reply>(method: string, path: string, body?: unknown): Promise<Reply>;
  /** The images of the gallery, the newest first. `query` as the API takes it. */
  listed(query?: string): Promise<Listed[]>;
  /** The file of an image. */
  fileOf(image: Pick<Listed, "imageURL">): Promise<Uint8Array>;
  /** The bytes at a path. */
  bytes(path: string): Promise<Uint8Array>;
  /** Whatever the server has logged. */
  logged(): string;
  /** Kills the server, as a power cut would. */
  kill(): Promise<void>;
  /** Starts it again, at the same address, with the same data; `settings` in place of the first ones. */
  start(settings?: Readonly<Record<string, string>>): Promise<void>;
  stop(): Promise<void>;
}

/** An image that a task has made, as the gallery lists it. */
export interface Listed {
  readonly imageUUID: string;
  readonly imageURL: string;
  readonly taskUUID: string;
  readonly kind: string;
  readonly width: number;
  readonly height: number;
  readonly seed: number;
  readonly starred: boolean;
  readonly expiresAt: string | null;
  readonly parents: readonly string[];
  readonly parameters: { readonly positivePrompt: string; readonly steps: number; readonly inputs: object };
}

export interface OpenOptions extends BrowserContextOptions {
  readonly path?: string;
  /** By what name the server is reached. Default: its address on this machine. */
  readonly host?: string;
  /** The draft to begin with. Default: small and quick. `null`: as a new person has it. */
  readonly draft?: object | null;
}

export interface StudioPage extends Page {
  /** Errors of the console and of the page, requests to elsewhere, breaches of the policy. */
  readonly faults: string[];
  /** Everything the page asked for, sockets included. */
  readonly asked: string[];
}

/** A picture in a second or two on a quiet machine. */
export const QUICK = { model: "inkstone:nano@1", width: 128, height: 128, steps: 4, CFGScale: 4, outputFormat: "PNG" };

export const PROMPT = 'A wooden sign that says "OPEN" on a brick wall';

/** A name that leads to this machine, on a page that is no secure context: as a phone sees the server. */
export const LAN = "studio.lan";

/** Starts a server in a process, and a browser. `env` are settings of the server; `furnish` puts things into its data folder before. */
export async function startStudio(
  env: Readonly<Record<string, string>> = {},
  furnish: (folder: string) => Promise<void> = async () => {},
): Promise<Studio> {
  const folder = await mkdtemp(join(tmpdir(), "inkstone-page-"));
  await furnish(folder);
  let log = "";
  let port = "0";
  let base = "";
  let server: ChildProcess | undefined;
  let browser: Browser | undefined;

  async function start(settings: Readonly<Record<string, string>> = {}): Promise<void> {
    const flags = ["--port", port, "--data-dir", folder];
    const child = spawn(process.execPath, ["src/cli/main.ts", "serve", ...flags], {
      cwd: ROOT,
      env: { ...process.env, INKSTONE_LOG_LEVEL: "error", ...env, ...settings },
      stdio: ["ignore", "pipe", "pipe"],
    });
    server = child;
    child.stderr.on("data", (chunk) => {
      log += chunk;
      if (env.INKSTONE_LOG_LEVEL === undefined) process.stderr.write(chunk);
    });
    const text = await new Promise<string>((resolve, reject) => {
      let out = "";
      child.stdout.on("data", (chunk) => {
        out += chunk;
        if (out.includes("\n")) resolve(out);
      });
      child.once("exit", (code) => reject(new Error(`the server ended with ${code}`)));
    });
    base = /http:\S+/.exec(text)![0];
    port = new URL(base).port;
  }

  async function end(signal: NodeJS.Signals): Promise<void> {
    const child = server;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.kill(signal);
    await ended;
  }

  const bytes = async (path: string) => new Uint8Array(await (await fetch(base + path)).arrayBuffer());
  const ask = async <Reply>(method: string, path: string, body?: unknown): Promise<Reply> => {
    const response = await fetch(base + path, {
      method,
      headers: { "content-type": "application/json" },
      body: body === undefined ? null : JSON.stringify(body),
    });
    return (await response.json()) as Reply;
  };

  await start();
  return {
    get base() {
      return base;
    },
    folder,
    logged: () => log,
    async open({ path = "/", host, draft = QUICK, ...options } = {}) {
      const args = ["--no-sandbox", `--host-resolver-rules=MAP ${LAN} 127.0.0.1`];
      browser ??= await chromium.launch({ executablePath: CHROMIUM, args });
      const origin = host === undefined ? base : base.replace("127.0.0.1", host);
      const context = await browser.newContext({ viewport: DESKTOP, locale: "en-GB", ...options });
      const page = Object.assign(await context.newPage(), { faults: [] as string[], asked: [] as string[] });
      watchFaults(page, origin);
      page.setDefaultTimeout(120_000); // a busy machine takes ten times as long as a quiet one
      const kept = `localStorage["inkstone.draft"] ??= ${JSON.stringify(stringifyJson(draft))}`;
      if (draft !== null) await context.addInitScript(kept);
      await page.goto(origin + path);
      return page;
    },
    bytes,
    ask,
    listed: async (query = "kind=drawn") => (await ask<{ data: Listed[] }>("GET", `/v1/pictures?${query}`)).data,
    fileOf: ({ imageURL }) => bytes(new URL(imageURL).pathname),
    kill: () => end("SIGKILL"),
    start,
    async stop() {
      await browser?.close();
      await end("SIGTERM");
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function watchFaults(page: StudioPage, base: string): void {
  page.on("console", (message) => {
    if (message.type() === "error") page.faults.push(message.text());
  });
  page.on("pageerror", (error) => page.faults.push(error.message));
  page.on("websocket", (socket) => page.asked.push(socket.url()));
  page.on("request", (request) => {
    const address = request.url();
    page.asked.push(address);
    if (!/^(data|blob):/.test(address) && new URL(address).host !== new URL(base).host) {
      page.faults.push(`asked ${address}`);
    }
  });
}

/** Builds the page unless it is built already: what is tested is what is written. */
export async function buildPage(): Promise<void> {
  await promisify(execFile)(process.execPath, ["web/build.ts"], { cwd: ROOT });
}

/** Drops a file onto the page. */
export async function drop(page: Page, bytes: Uint8Array, name: string, type: string): Promise<void> {
  await page.evaluate(`
    const bytes = Uint8Array.from(atob("${Buffer.from(bytes).toString("base64")}"), (c) => c.charCodeAt(0));
    const data = new DataTransfer();
    data.items.add(new File([bytes], ${JSON.stringify(name)}, { type: "${type}" }));
    document.body.dispatchEvent(new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true }));
  `);
}

/** Writes a prompt and presses the button. */
export async function draw(page: Page, prompt: string = PROMPT): Promise<void> {
  await page.fill("#prompt", prompt);
  await begun(page, () => page.click(".button.draw"));
}

/** Does what starts a task, and waits until the page shows it at work. A quick task may be over before the next look at the page, so an observer looks. */
export async function begun(page: Page, start: () => Promise<void>): Promise<void> {
  const work = page.evaluate(`new Promise((done) => {
    new MutationObserver((_, observer) => {
      if (document.querySelector(".work-line") === null) return;
      observer.disconnect();
      done();
    }).observe(document.body, { childList: true, subtree: true });
  })`);
  await start();
  await work;
}

/** Waits until what an event has set off is on the screen: two frames, and every animation that ends. */
export async function settled(page: Page): Promise<void> {
  await page.evaluate(`(async () => {
    const frame = () => new Promise((done) => requestAnimationFrame(done));
    await frame();
    await frame();
    const ending = document.getAnimations().filter(({ effect }) => effect.getComputedTiming().endTime !== Infinity);
    await Promise.allSettled(ending.map(({ finished }) => finished));
  })()`);
}

/** Waits for the finished picture on the stage. */
export async function finished(page: Page): Promise<void> {
  await page.waitForSelector(".work-line", { state: "detached", timeout: 180_000 });
  await page.waitForSelector(".stage .actions", { timeout: 180_000 });
}
