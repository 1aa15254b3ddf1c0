import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { inkstone } from "../../test/cli.ts";
import { type StandInHub, startHub } from "../../test/stand-ins/hub.ts";
import { Stopped } from "./exit.ts";

let cwd: string;
let hub: StandInHub;
let lora: Buffer;

beforeEach(async () => {
  cwd = await mkdtemp(join(tmpdir(), "inkstone-pull-"));
  lora = await readFile("test/fixtures/lora/files/peft.safetensors");
  hub = await startHub({
    "model_index.json": Buffer.from("{}"),
    "README.md": Buffer.from("about"),
    "transformer/weights.safetensors": lora,
  });
});
afterEach(async () => {
  hub.close();
  await rm(cwd, { recursive: true });
});

const world = () => ({ cwd, env: { INKSTONE_MODELS_DIR: join(cwd, "models"), HF_ENDPOINT: hub.url } });
const models = (...args: string[]) => inkstone(["models", ...args], world());
const here = (path: string) => join(cwd, "models/.hub/me/model/main", path);
const WEIGHTS = "transformer/weights.safetensors";

test("a checkpoint is downloaded, checked and registered; what it does not need stays away", async () => {
  const { code, out, err } = await models("pull", "me/model", "--air", "me:model@1");
  expect(err).toContain(`${WEIGHTS}: 100 % of 0.`);
  expect([code, out.split("\n")[0]]).toEqual([0, "me:model@1"]);
  expect(Buffer.compare(await readFile(here(WEIGHTS)), lora)).toBe(0);
  await expect(stat(here("README.md"))).rejects.toThrow();
  const again = await models("pull", "me/model", "--air", "me:model@2");
  expect(again.code).toBe(0);
  expect(hub.asked.filter((path) => path.startsWith(WEIGHTS))).toHaveLength(1);
});

test("without a card a checkpoint is called as its repository, a LoRA as its file", async () => {
  const checkpoint = await models("pull", "me/model", "--air", "me:model@1");
  expect(checkpoint.out).toMatch(/^me:model@1\n {2}me\/model, installed/);
  const { code, out } = await models("pull", "me/model", "--kind", "lora");
  expect([code, out]).toEqual([0, expect.stringMatching(/^huggingface:me\.model@main\n {2}weights, lora, installed/)]);
  expect((await models("list")).out).toContain("huggingface:me.model@main");
});

test("a repository without a checkpoint is refused before anything is downloaded", async () => {
  hub.close();
  hub = await startHub({ "weights.gguf": lora, "weights.safetensors": lora });
  const { code, err } = await models("pull", "me/model");
  expect([code, err]).toEqual([2, "me/model is no checkpoint in diffusers layout: it has no model_index.json"]);
  expect(hub.asked).toEqual([]);
});

test("of several LoRAs one is chosen before anything is downloaded", async () => {
  hub.close();
  hub = await startHub({ "a.safetensors": lora, "b/c.safetensors": lora });
  const { code, err } = await models("pull", "me/model", "--kind", "lora");
  expect([code, err]).toEqual([
    2,
    "me/model has several safetensors files; choose one with --file: a.safetensors, b/c.safetensors",
  ]);
  expect(hub.asked).toEqual([]);
  expect((await models("pull", "me/model", "--kind", "lora", "--file", "b/c.safetensors")).code).toBe(0);
  expect(hub.asked).toEqual(["b/c.safetensors 0"]);
});

test.each([
  [["--air", "nonsense"], '--air is "nonsense"; allowed is source:id@version'],
  [["--air", "inkstone:nano@1"], "inkstone:nano@1 is bundled already"],
  [["--air", "inkstone:neon@1", "--kind", "lora"], "inkstone:neon@1 is bundled already"],
])("%j is refused before anything is downloaded", async (flags, message) => {
  const refused = await models("pull", "me/model", ...flags);
  expect([refused.code, refused.err]).toEqual([2, expect.stringContaining(message)]);
  expect(hub.asked).toEqual([]);
});

test("pulled again a model is updated; its card stays, but for a name that is given", async () => {
  await models("pull", "me/model");
  const card = join(cwd, "models/huggingface+me.model@main/card.json");
  await writeFile(card, JSON.stringify({ ...JSON.parse(await readFile(card, "utf8")), comment: "mine" }));
  hub.close();
  const newer = Buffer.concat([lora, Buffer.from([0])]);
  hub = await startHub({ "model_index.json": Buffer.from("{}"), [WEIGHTS]: newer });
  const { code, out } = await models("pull", "me/model", "--name", "Newer");
  expect([code, out]).toEqual([0, expect.stringMatching(/^huggingface:me\.model@main\n {2}Newer, installed/)]);
  expect(Buffer.compare(await readFile(here(WEIGHTS)), newer)).toBe(0);
  expect(JSON.parse(await readFile(card, "utf8"))).toMatchObject({ name: "Newer", comment: "mine" });
});

test("pulled again a LoRA is updated; its AIR is neither another file's nor another kind's", async () => {
  hub.close();
  hub = await startHub({ "a.safetensors": lora, "b.safetensors": lora, "model_index.json": Buffer.from("{}") });
  const pull = (...flags: string[]) => models("pull", "me/model", "--air", "me:style@1", ...flags);
  expect((await pull("--kind", "lora", "--file", "a.safetensors")).code).toBe(0);
  expect(await pull("--kind", "lora", "--file", "a.safetensors")).toMatchObject({
    code: 0,
    out: expect.stringContaining("me:style@1\n  a, lora, installed"),
  });
  const taken = { code: 2, err: `me:style@1 is installed already: ${here("a.safetensors")}` };
  expect(await pull("--kind", "lora", "--file", "b.safetensors")).toMatchObject(taken);
  expect(await pull()).toMatchObject(taken);
  expect(hub.asked).toEqual(["a.safetensors 0"]);
});

test("Ctrl-C ends it also when every file is here already; nothing is registered", async () => {
  await models("pull", "me/model", "--air", "me:model@1");
  await models("remove", "me:model@1");
  const stop = new AbortController();
  const onStderr = () => stop.abort(new Stopped("SIGINT"));
  const args = ["models", "pull", "me/model", "--air", "me:model@1"];
  const stopped = await inkstone(args, { ...world(), signal: stop.signal, onStderr });
  expect(stopped).toEqual({ code: 130, out: "", err: "model_index.json: 100 % of 0.0 MB\n" });
  expect(await inkstone(args, { ...world(), signal: stop.signal })).toEqual({ code: 130, out: "", err: "" });
  expect((await models("list")).out).not.toContain("me:model@1");
});

test("revisions stand side by side", async () => {
  hub.close();
  const other = Buffer.concat([lora, Buffer.from([0])]);
  hub = await startHub({ [WEIGHTS]: lora }, { v2: { [WEIGHTS]: other } });
  await models("pull", "me/model", "--kind", "lora");
  const { out } = await models("pull", "me/model", "--kind", "lora", "--revision", "v2");
  expect(out).toContain("huggingface:me.model@v2");
  expect(out).toContain(join("me/model/v2", WEIGHTS));
  expect(Buffer.compare(await readFile(here(WEIGHTS)), lora)).toBe(0);
});

test("a file with another checksum is refused and not kept; one that was changed here is fetched anew", async () => {
  hub.lies = true;
  const { code, err } = await models("pull", "me/model", "--kind", "lora");
  expect([code, err]).toEqual([
    1,
    expect.stringMatching(/weights\.safetensors is damaged: its checksum is \w+, the hub's is \w+/),
  ]);
  await expect(stat(here(`${WEIGHTS}.part`))).rejects.toThrow();
  hub.lies = false;
  await models("pull", "me/model", "--kind", "lora");
  await writeFile(here(WEIGHTS), Buffer.alloc(lora.length));
  await models("pull", "me/model", "--kind", "lora", "--air", "me:other@1");
  expect(Buffer.compare(await readFile(here(WEIGHTS)), lora)).toBe(0);
});

test.each([
  [["me"], 2, 'the repository is "me"; allowed is OWNER/NAME'],
  [["me/none"], 1, "me/none at main cannot be listed"],
  [["me/model", "--kind", "lora", "--file", "other.safetensors"], 2, "me/model has no other.safetensors"],
  [["me/model", "--file", "x"], 2, "--file is given without --kind lora"],
])("%j is refused", async (args, code, message) => {
  const refused = await models("pull", ...args);
  expect([refused.code, refused.err]).toEqual([code, expect.stringContaining(message)]);
});
