import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { inkstone } from "../../test/cli.ts";
import { type StandInHub, startHub } from "../../test/stand-ins/hub.ts";
import { filesIn } from "../../test/support/files-in.ts";
import { Stopped } from "./exit.ts";

let cwd: string;
let hub: StandInHub;
let lora: Buffer;
let checkpoint: Record<string, Buffer>;

beforeEach(async () => {
  cwd = await mkdtemp(join(tmpdir(), "inkstone-pull-"));
  lora = await readFile("test/fixtures/lora/files/peft.safetensors");
  checkpoint = await filesIn("test/fixtures/half/checkpoint");
  hub = await startHub({ ...checkpoint, "README.md": Buffer.from("about") });
});
afterEach(async () => {
  hub.close();
  await rm(cwd, { recursive: true });
});

const world = () => ({ cwd, env: { INKSTONE_MODELS_DIR: join(cwd, "models"), HF_ENDPOINT: hub.url } });
const models = (...args: string[]) => inkstone(["models", ...args], world());
const here = (path: string) => join(cwd, "models/.hub/me/model/main", path);
const WEIGHTS = "transformer/diffusion_pytorch_model.safetensors";

/** A hub that has these files instead. */
async function instead(files: Record<string, Buffer>, others?: Record<string, Record<string, Buffer>>): Promise<void> {
  hub.close();
  hub = await startHub(files, others);
}

test("a checkpoint is downloaded, checked and registered; files that it does not need are left out", async () => {
  const { code, out, err } = await models("pull", "me/model", "--air", "me:model@1");
  const size = `${(checkpoint[WEIGHTS]!.length / 1e3).toFixed(1)} kB`;
  expect(err).toContain(`${WEIGHTS}: ${size} of ${size}`);
  expect([code, out.split("\n")[0]]).toEqual([0, "me:model@1"]);
  expect(Buffer.compare(await readFile(here(WEIGHTS)), checkpoint[WEIGHTS]!)).toBe(0);
  await expect(stat(here("README.md"))).rejects.toThrow();
  const again = await models("pull", "me/model", "--air", "me:model@2");
  expect(again.code).toBe(0);
  expect(hub.asked.filter((path) => path.startsWith(WEIGHTS))).toHaveLength(1);
});

test("only what a checkpoint uses is downloaded: no other variant, no file outside its components", async () => {
  const unused = {
    "config.json": Buffer.from("{}"),
    "comfy/model.safetensors": lora,
    "comfy/config.json": Buffer.from("{}"),
    [WEIGHTS.replace(".safetensors", ".fp16.safetensors")]: lora,
  };
  await instead({ ...checkpoint, ...unused });
  const { code, err } = await models("pull", "me/model", "--air", "me:model@1");
  expect(code, err).toBe(0);
  const downloaded = [...new Set(hub.asked.map((asked) => asked.split(" ")[0]))];
  expect(downloaded.sort()).toEqual(Object.keys(checkpoint).sort());
  expect((await draw("me:model@1")).code).toBe(0);
});

test("a newer version that breaks off, or that cannot generate, leaves the installed one whole", async () => {
  await models("pull", "me/model", "--air", "me:model@1");
  const newer = Buffer.concat([checkpoint[WEIGHTS]!, Buffer.from([0])]);
  await instead({ ...checkpoint, "transformer/config.json": Buffer.from("{}"), [WEIGHTS]: newer });
  const stop = new AbortController();
  const onStderr = (text: string) => text.startsWith(WEIGHTS) && stop.abort(new Stopped("SIGINT"));
  const args = ["models", "pull", "me/model", "--air", "me:model@1"];
  expect((await inkstone(args, { ...world(), signal: stop.signal, onStderr })).code).toBe(130);
  expect((await draw("me:model@1")).code).toBe(0);
  expect(await models("pull", "me/model", "--air", "me:model@1")).toMatchObject({
    code: 2,
    err: expect.stringContaining("transformer/config.json"),
  });
  expect((await draw("me:model@1")).code).toBe(0);
  await instead({ ...checkpoint, [WEIGHTS]: newer });
  expect((await models("pull", "me/model", "--air", "me:model@1")).code).toBe(0);
  expect(Buffer.compare(await readFile(here(WEIGHTS)), newer)).toBe(0);
  expect(await readdir(join(cwd, "models/.hub/me/model"))).toEqual(["main"]);
});

test("a conversion under another AIR takes the files that are here, and leaves them to their model", async () => {
  await models("pull", "me/model", "--air", "me:kept@1");
  const asked = hub.asked.length;
  const { code, err } = await models("pull", "me/model", "--air", "me:converted@1", "--weights", "int8");
  expect(code, err).toBe(0);
  expect(hub.asked).toHaveLength(asked);
  for (const air of ["me:kept@1", "me:converted@1"]) expect(await draw(air)).toMatchObject({ code: 0 });
});

test("a newer LoRA file that is none leaves the installed one", async () => {
  await instead({ "a.safetensors": lora });
  const pull = () => models("pull", "me/model", "--kind", "lora", "--air", "me:style@1");
  expect((await pull()).code).toBe(0);
  await instead({ "a.safetensors": Buffer.from("oops") });
  expect((await pull()).code).toBe(2);
  expect(Buffer.compare(await readFile(here("a.safetensors")), lora)).toBe(0);
});

test("without a card, a checkpoint has the name of its repository and a LoRA that of its file", async () => {
  const checkpoint = await models("pull", "me/model", "--air", "me:model@1");
  expect(checkpoint.out).toMatch(/^me:model@1\n {2}me\/model, installed/);
  expect((await models("list")).out).toContain("me:model@1");
  await instead({ "weights.safetensors": lora });
  const { code, out } = await models("pull", "me/model", "--kind", "lora");
  expect([code, out]).toEqual([0, expect.stringMatching(/^huggingface:me\.model@main\n {2}weights, lora, installed/)]);
});

test("a repository without a checkpoint is refused before any download", async () => {
  await instead({ "weights.gguf": lora, "weights.safetensors": lora });
  const { code, err } = await models("pull", "me/model");
  expect([code, err]).toEqual([
    2,
    "me/model is not a checkpoint in diffusers layout: it has no model_index.json; choose one of its files with --file: weights.gguf (0.0 GB), weights.safetensors (0.0 GB)",
  ]);
  expect(hub.asked).toEqual([]);
});

test("one of several LoRAs is chosen before any download", async () => {
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
  [["--air", "inkstone:nano@1"], "inkstone:nano@1 is already bundled"],
  [["--air", "inkstone:neon@1", "--kind", "lora"], "inkstone:neon@1 is already bundled"],
])("%j is refused before any download", async (flags, message) => {
  if (flags.includes("lora")) await instead({ "a.safetensors": lora });
  const refused = await models("pull", "me/model", ...flags);
  expect([refused.code, refused.err]).toEqual([2, expect.stringContaining(message)]);
  expect(hub.asked).toEqual([]);
});

test("a second pull updates the model; its card stays, except for a name in the command", async () => {
  await models("pull", "me/model");
  const card = join(cwd, "models/huggingface+me.model@main/card.json");
  await writeFile(card, JSON.stringify({ ...JSON.parse(await readFile(card, "utf8")), comment: "mine" }));
  const newer = Buffer.concat([checkpoint[WEIGHTS]!, Buffer.from([0])]);
  await instead({ ...checkpoint, [WEIGHTS]: newer });
  const { code, out } = await models("pull", "me/model", "--name", "Newer");
  expect([code, out]).toEqual([0, expect.stringMatching(/^huggingface:me\.model@main\n {2}Newer, installed/)]);
  expect(Buffer.compare(await readFile(here(WEIGHTS)), newer)).toBe(0);
  expect(JSON.parse(await readFile(card, "utf8"))).toMatchObject({ name: "Newer", comment: "mine" });
});

test("a second pull updates a LoRA; the AIR of another file or another kind is refused", async () => {
  hub.close();
  hub = await startHub({ "a.safetensors": lora, "b.safetensors": lora, "model_index.json": Buffer.from("{}") });
  const pull = (...flags: string[]) => models("pull", "me/model", "--air", "me:style@1", ...flags);
  expect((await pull("--kind", "lora", "--file", "a.safetensors")).code).toBe(0);
  expect(await pull("--kind", "lora", "--file", "a.safetensors")).toMatchObject({
    code: 0,
    out: expect.stringContaining("me:style@1\n  a, lora, installed"),
  });
  const taken = {
    code: 2,
    err: expect.stringContaining(`me:style@1 is already installed: ${here("a.safetensors")}. Choose`),
  };
  expect(await pull("--kind", "lora", "--file", "b.safetensors")).toMatchObject(taken);
  expect(await pull()).toMatchObject(taken);
  expect(hub.asked).toEqual(["a.safetensors 0"]);
});

test("Ctrl-C ends the pull even if every file is already here; nothing is registered", async () => {
  await models("pull", "me/model", "--air", "me:model@1");
  await models("remove", "me:model@1");
  const stop = new AbortController();
  const onStderr = () => stop.abort(new Stopped("SIGINT"));
  const args = ["models", "pull", "me/model", "--air", "me:model@1"];
  const stopped = await inkstone(args, { ...world(), signal: stop.signal, onStderr });
  expect(stopped).toEqual({ code: 130, out: "", err: "model_index.json: 0.4 kB of 0.4 kB, 0 MB/s\n" });
  expect(await inkstone(args, { ...world(), signal: stop.signal })).toEqual({ code: 130, out: "", err: "" });
  expect((await models("list")).out).not.toContain("me:model@1");
});

test("revisions are separate models", async () => {
  const other = Buffer.concat([lora, Buffer.from([0])]);
  await instead({ "a.safetensors": lora }, { v2: { "a.safetensors": other } });
  await models("pull", "me/model", "--kind", "lora");
  const { out } = await models("pull", "me/model", "--kind", "lora", "--revision", "v2");
  expect(out).toContain("huggingface:me.model@v2");
  expect(out).toContain(join("me/model/v2", "a.safetensors"));
  expect(Buffer.compare(await readFile(here("a.safetensors")), lora)).toBe(0);
});

test("a file with another checksum is refused and deleted; a locally changed one is downloaded again", async () => {
  await instead({ "a.safetensors": lora });
  hub.lies = true;
  const { code, err } = await models("pull", "me/model", "--kind", "lora");
  expect([code, err]).toEqual([
    1,
    expect.stringMatching(/a\.safetensors is damaged: its checksum is \w+, the hub's is \w+/),
  ]);
  await expect(stat(here("a.safetensors.part"))).rejects.toThrow();
  hub.lies = false;
  await models("pull", "me/model", "--kind", "lora");
  await writeFile(here("a.safetensors"), Buffer.alloc(lora.length));
  await models("pull", "me/model", "--kind", "lora", "--air", "me:other@1");
  expect(Buffer.compare(await readFile(here("a.safetensors")), lora)).toBe(0);
});

const HALF = resolve("test/fixtures/half/checkpoint");
const draw = (model: string) =>
  inkstone(["generate", "a fox", "--model", model, "--width", "128", "--height", "128", "--steps", "1"], world());

test("a checkpoint is converted shard by shard; no download stays, an interrupted pull continues, a newer revision replaces the old one", async () => {
  const sharded = { ...checkpoint, ...(await filesIn("test/fixtures/odd/checkpoint")) };
  for (const path of Object.keys(sharded)) {
    if (path.endsWith(".safetensors") && !/-of-/.test(path) && /transformer|text_encoder/.test(path))
      delete sharded[path];
  }
  await instead(sharded);
  const stop = new AbortController();
  const pull = ["models", "pull", "me/model", "--weights", "int8", "--air", "me:m@1"];
  let lines = 0;
  const onStderr = (text: string) => {
    if (text.startsWith("converting") && ++lines === 12) stop.abort(new Stopped("SIGINT"));
  };
  expect((await inkstone(pull, { ...world(), signal: stop.signal, onStderr })).code).toBe(130);
  const begun = hub.asked.filter((path) => path.startsWith("transformer/")).length;
  expect(begun).toBeGreaterThan(0);
  expect(await models("pull", "me/model", "--weights", "int8", "--air", "me:m@1")).toMatchObject({ code: 0 });
  expect(
    hub.asked.filter((path) => path.endsWith("-00001-of-00003.safetensors 0") && path.startsWith("transformer/")),
  ).toHaveLength(1);
  const downloads = await readdir(join(cwd, "models/.hub"), { recursive: true });
  expect(downloads.filter((path) => path.endsWith(".safetensors"))).toEqual([]);
  expect((await draw("me:m@1")).code).toBe(0);
  expect((await models("pull", "me/model", "--weights", "int8", "--air", "me:m@1", "--name", "Odd")).out).toContain(
    "  Odd, installed",
  );
  expect((await models("pull", "me/model", "--weights", "int4", "--air", "me:m@1")).out).toContain("  Odd, installed");
  const parts = await readdir(join(cwd, "models/.parts"));
  expect(parts.filter((name) => name.startsWith("transformer")).map((name) => name.split("-")[1])).toEqual(["int4"]);
  expect((await draw("me:m@1")).code).toBe(0);
});

test("a connection that breaks for good loses no converted shard", async () => {
  const args = ["pull", "me/model", "--weights", "int8", "--air", "me:m@1"];
  const { refuse } = hub;
  refuse.add("text_encoder/model.safetensors");
  const broken = await models(...args);
  expect([broken.code, broken.err]).toEqual([1, expect.stringContaining("repeat the command to continue")]);
  const parts = await readdir(join(cwd, "models/.parts"));
  expect(parts.map((name) => name.split("-")[0])).toEqual(["transformer"]);
  refuse.clear();
  expect((await models(...args)).code).toBe(0);
  expect(hub.asked.filter((path) => path.startsWith(WEIGHTS))).toHaveLength(1);
  expect((await draw("me:m@1")).code).toBe(0);
});

test("a repository with weights of one variant only is converted", async () => {
  const variants = Object.entries(checkpoint).map(([path, bytes]) => [
    path.replace(/\.safetensors$/, ".fp16.safetensors"),
    bytes,
  ]);
  await instead(Object.fromEntries(variants));
  const { code, err } = await models("pull", "me/model", "--weights", "int8", "--air", "me:m@1");
  expect(code, err).toBe(0);
  expect((await draw("me:m@1")).code).toBe(0);
});

test("the next conversion deletes a download that a killed one left behind", async () => {
  const pull = ["pull", "me/model", "--weights", "int8", "--air", "me:m@1"];
  expect((await models(...pull)).code).toBe(0);
  // The process was killed when the file was converted, but not yet deleted, and the component not yet complete.
  const [part] = (await readdir(join(cwd, "models/.parts"))).filter((name) => name.startsWith("transformer"));
  await rm(join(cwd, "models/.parts", part!, "complete.json"));
  const left = join(cwd, "models/.hub/me/model/main~new", WEIGHTS);
  await mkdir(dirname(left), { recursive: true });
  await writeFile(left, checkpoint[WEIGHTS]!);
  expect((await models(...pull)).code).toBe(0);
  await expect(stat(left)).rejects.toThrow("ENOENT");
});

test("a single file becomes a checkpoint, completed from another one; the download is deleted", async () => {
  const file = await readFile("test/fixtures/formats/transformer.gguf");
  await instead({ "q/model-Q8_0.gguf": file });
  const pull = (...flags: string[]) =>
    models("pull", "me/model", "--file", "q/model-Q8_0.gguf", "--air", "me:q@1", ...flags);
  expect((await pull()).err).toContain("--base is missing");
  expect(hub.asked).toEqual([]);
  for (const [flags, message] of [
    [["--base", "me:none@1"], 'model is "me:none@1"; known models'],
    [["--base", cwd], "which has no model_index.json"],
    [["--base", HALF, "--vae", join(HALF, "none")], "the file does not exist"],
    [["--base", HALF, "--text-encoder", resolve("test/fixtures/formats/fp8.safetensors")], "holds no text encoder"],
    [["--base", HALF, "--merge", "me:none@1"], 'lora is "me:none@1"'],
  ] as const)
    expect(await pull(...flags)).toMatchObject({ code: 2, err: expect.stringContaining(message) });
  expect(hub.asked).toEqual([]);
  const { code, out, err } = await pull("--base", HALF);
  expect([code, out.split("\n")[0]], err).toEqual([0, "me:q@1"]);
  await expect(stat(here("q/model-Q8_0.gguf"))).rejects.toThrow();
  expect((await draw("me:q@1")).code).toBe(0);
  expect((await pull("--base", HALF, "--weights", "int8")).code).toBe(0);
  const byName = ["--file", "model-Q8_0.gguf", "--base", HALF, "--air", "me:name@1"];
  expect((await models("pull", "me/model", ...byName)).code).toBe(0);
  const other = await models("pull", "me/model", "--file", "none.gguf", "--base", HALF);
  expect([other.code, other.err]).toEqual([2, "me/model has no none.gguf; it has q/model-Q8_0.gguf (0.0 GB)"]);
});

test("an unusable download is not registered", async () => {
  await instead({ ...checkpoint, [WEIGHTS]: lora });
  const { code, err } = await models("pull", "me/model");
  expect([code, err]).toEqual([2, expect.stringMatching(/tensor ".*" is missing/)]);
  expect((await models("list")).out).not.toContain("me.model");
});

test.each([
  [["me"], 2, 'the repository is "me"; allowed is OWNER/NAME'],
  [["me/none"], 1, "me/none at main cannot be listed"],
  [["me/model", "--kind", "lora", "--file", "other.safetensors"], 2, "me/model has no other.safetensors"],
  [["me/model", "--file", "x"], 2, "me/model has no x; it has"],
  [["me/model", "--base", "x"], 2, "--base requires --file"],
  [["me/model", "--kind", "controlnet", "--file", "x"], 2, "--file is not allowed with --kind controlnet"],
])("%j is refused", async (args, code, message) => {
  const refused = await models("pull", ...args);
  expect([refused.code, refused.err]).toEqual([code, expect.stringContaining(message)]);
});

test("without a network: the error names the cause, the address and the remedy", async () => {
  hub.close();
  const { code, err } = await models("pull", "me/model");
  expect(code).toBe(1);
  expect(err).toContain("me/model at main cannot be listed: fetch failed (connect ECONNREFUSED");
  expect(err).toContain(`${hub.url} could not be reached: check the network, or name a mirror in HF_ENDPOINT`);
  expect(err).toContain("inkstone models add FOLDER");
});
