/**
 * `npm run modules [CHECKOUT]`: how much code a command loads, in all its processes. V8 counts it: with NODE_V8_COVERAGE each
 * process writes down the scripts that it has compiled, at its end and four times a second: the server kills its engine.
 */

import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";

const checkout = resolve(process.argv[2] ?? ".");
const folder = await mkdtemp(join(tmpdir(), "inkstone-modules-"));
const coverage = join(folder, "coverage");
const HOOK = 'import { takeCoverage } from "node:v8"; setInterval(takeCoverage, 250).unref();';
const env = {
  ...process.env,
  NODE_V8_COVERAGE: coverage,
  NODE_OPTIONS: `--import data:text/javascript;base64,${Buffer.from(HOOK).toString("base64")}`,
  INKSTONE_DATA_DIR: folder,
  INKSTONE_PORT: "0",
  INKSTONE_ALLOWED_ADDRESSES: "127.0.0.1",
};
const main = join(checkout, "src/cli/main.ts");
const size = { width: 128, height: 128, steps: 2 };

/** What V8 writes of one process. */
interface Coverage {
  readonly result: readonly { readonly url: string }[];
}

/** The files that were loaded since the last call: of the checkout's `src`, and of packages. */
async function loaded(): Promise<string> {
  const reports = (await readdir(coverage)).map((name) => join(coverage, name));
  const scripts = await Promise.all(
    reports.map(async (report) => (JSON.parse(await readFile(report, "utf8")) as Coverage).result),
  );
  await rm(coverage, { recursive: true });
  const urls = [...new Set(scripts.flat().map(({ url }) => url))].filter((url) => url.startsWith("file:"));
  const ours = urls.filter((url) => url.includes("/src/") && !url.includes("/node_modules/"));
  const processes = new Set(reports.map((report) => /coverage-(\d+)-/.exec(report)![1]));
  return `${ours.length} | ${urls.length - ours.length} | ${processes.size}`;
}

const run = (...words: string[]) => promisify(execFile)(process.execPath, [main, ...words], { env, cwd: folder });

/** One task over HTTP, until its webhook has been delivered. */
async function post(): Promise<void> {
  const receiver = createServer((request, response) => {
    request.resume();
    response.end();
  }).listen(0, "127.0.0.1");
  const delivered = once(receiver, "request");
  const serve = spawn(process.execPath, [main, "serve"], { env, stdio: ["ignore", "pipe", "ignore"] });
  try {
    const [line] = await once(serve.stdout, "data");
    const [address] = /http:\S+/.exec(String(line))!;
    const { port } = receiver.address() as { port: number };
    const task = {
      taskType: "imageInference",
      taskUUID: crypto.randomUUID(),
      model: "inkstone:nano@1",
      positivePrompt: "x",
      webhookURL: `http://127.0.0.1:${port}/`,
      ...size,
    };
    const reply = await fetch(`${address}/v1`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify([task]),
    });
    if (!reply.ok) throw new Error(await reply.text());
    await delivered;
    await sleep(1000);
  } finally {
    serve.kill("SIGTERM");
    await once(serve, "exit");
    receiver.close();
  }
}

try {
  console.log("| command | modules of `src/` | of packages | processes |\n|---|---|---|---|");
  await run("--help");
  console.log(`| \`inkstone --help\` | ${await loaded()} |`);
  await run("generate", "x", "--width", `${size.width}`, "--height", `${size.height}`, "--steps", `${size.steps}`);
  console.log(`| \`inkstone generate\` | ${await loaded()} |`);
  await post();
  console.log(`| one \`POST /v1\` with a webhook | ${await loaded()} |`);
} finally {
  await rm(folder, { recursive: true, force: true, maxRetries: 5 });
}
