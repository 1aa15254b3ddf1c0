/** Every file of examples/ runs next to a real server and does what its first line says. */

import { type ChildProcess, spawn } from "node:child_process";
import { readdir, readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { readHeader } from "../../src/pictures/index.ts";
import { post } from "../contract/memory-app.ts";
import { type ContractServer, startContractServer } from "../contract/server.ts";
import { createWorkspace, pythonFor, type Workspace } from "./workspace.ts";

const FOLDER = resolve(import.meta.dirname, "../../examples");
const SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/** Programs that end, and what they print. */
const CLIENTS: Readonly<Record<string, RegExp>> = {
  "curl.sh": /^sign\.jpg\n$/,
  "websocket.ts": /^(http:\S+\/images\/\S+\.jpg\n){2}$/,
  "runware-sdk-js.ts": /(http:\S+\/images\/\S+\.jpg\n){2}$/,
  "ai-sdk.ts": /^sign\.png image\/png$/m,
  "openai-js.ts": /^tea\.png\n$/,
  "openai_images.py": /^tea\.png\n$/,
  "runware_client.py": /(http:\S+\/images\/\S+\.jpg\n){2}$/,
  "runware_sdk_client.py": /^http:\S+\/images\/\S+\.jpg\n$/,
  "library.ts": /image 2: 8\/8\nsign-7\.png\nsign-8\.png\n$/,
};

let server: ContractServer;
let workspace: Workspace;
const started: ChildProcess[] = [];

beforeAll(async () => {
  const env = { INKSTONE_WEBHOOK_SECRET: SECRET, INKSTONE_ALLOWED_ADDRESSES: "127.0.0.1" };
  server = await startContractServer({ INKSTONE_API_KEYS: "", ...env });
  workspace = await createWorkspace(server);
  for (const name of await readdir(FOLDER)) await workspace.write(name, await readFile(join(FOLDER, name), "utf8"));
});
afterAll(async () => {
  for (const child of started) child.kill("SIGKILL");
  await workspace?.remove();
  await server?.stop();
});

test("each file has a test", async () => {
  const tested = [...Object.keys(CLIENTS), "README.md", "webhook-receiver.ts", "express-route.ts", "next-route.ts"];
  expect(await readdir(FOLDER)).toEqual(tested.toSorted());
});

test.each(Object.entries(CLIENTS))("%s", async (name, expected) => {
  if (name.endsWith(".py") && pythonFor(await readFile(join(FOLDER, name), "utf8")).program === undefined) {
    console.warn(`${name}: skipped, no Python here has what it imports`);
    return;
  }
  const { code, out, err } = await workspace.run(name);
  expect(code, `${out}\n${err}`).toBe(0);
  expect(out).toMatch(expected);
});

/** Starts a server of the examples on a free port; its address, and what it prints from then on. */
async function serve(name: string): Promise<{ readonly address: string; readonly printed: () => string }> {
  const env = { ...process.env, PORT: "0", SERVER_URL: server.base, INKSTONE_WEBHOOK_SECRET: SECRET };
  const child = spawn(process.execPath, [name], { cwd: workspace.folder, env, stdio: ["ignore", "pipe", "inherit"] });
  started.push(child);
  let out = "";
  child.stdout!.on("data", (text) => {
    out += text;
  });
  await expect.poll(() => out, { timeout: 60_000 }).toContain("listening on ");
  return { address: /listening on (\S+)/.exec(out)![1]!, printed: () => out };
}

test("webhook-receiver.ts prints the image of a webhook, and refuses an unsigned one", async () => {
  const { address, printed } = await serve("webhook-receiver.ts");
  const task = {
    taskType: "imageInference",
    taskUUID: crypto.randomUUID(),
    model: "runware:108@1",
    positivePrompt: "a",
  };
  const { body } = await post(server.base, [{ ...task, width: 128, height: 128, steps: 1, webhookURL: address }], {
    key: "any",
  });
  await expect.poll(printed, { timeout: 60_000 }).toContain(`image: ${body.data[0].imageURL}`);
  expect((await fetch(address, { method: "POST", body: "{}" })).status).toBe(401);
});

test("express-route.ts answers with a PNG", async () => {
  const { address } = await serve("express-route.ts");
  const response = await fetch(`${address}/image?text=TEA`);
  expect(response.headers.get("content-type")).toBe("image/png");
  const header = await readHeader(new Uint8Array(await response.arrayBuffer()));
  expect(header).toMatchObject({ format: "PNG", width: 256, height: 256 });
});

test("next-route.ts answers with a PNG", async () => {
  process.env.SERVER_URL = server.base;
  const { GET } = (await import(join(FOLDER, "next-route.ts"))) as { GET(request: Request): Promise<Response> };
  const response = await GET(new Request("http://app.example/image?text=TEA"));
  expect(await readHeader(new Uint8Array(await response.arrayBuffer()))).toMatchObject({ format: "PNG", width: 256 });
});
