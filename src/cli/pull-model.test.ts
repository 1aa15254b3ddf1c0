import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { inkstone } from "../../test/cli.ts";
import { type StandInHub, startHub } from "../../test/stand-ins/hub.ts";

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

const models = (...args: string[]) =>
  inkstone(["models", ...args], { cwd, env: { INKSTONE_MODELS_DIR: join(cwd, "models"), HF_ENDPOINT: hub.url } });
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

test("a LoRA, by the name of its repository", async () => {
  const { code, out } = await models("pull", "me/model", "--kind", "lora");
  expect([code, out.split("\n")[0]]).toEqual([0, "huggingface:me.model@main"]);
  expect((await models("list")).out).toContain("huggingface:me.model@main");
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

test("continues where a connection broke, and where an earlier run ended", async () => {
  hub.cuts = 2;
  expect((await models("pull", "me/model", "--kind", "lora")).code).toBe(0);
  expect(hub.asked).toEqual([`${WEIGHTS} 0`, `${WEIGHTS} 1000`, `${WEIGHTS} 2000`]);
  await rm(join(cwd, "models"), { recursive: true });
  hub.cuts = 100;
  const broken = await models("pull", "me/model", "--kind", "lora");
  expect(broken).toMatchObject({ code: 1, err: expect.stringContaining(`${WEIGHTS} cannot be downloaded`) });
  expect((await stat(here(`${WEIGHTS}.part`))).size).toBe(5000);
  hub.cuts = 0;
  expect((await models("pull", "me/model", "--kind", "lora")).code).toBe(0);
  expect(hub.asked.at(-1)).toBe(`${WEIGHTS} 5000`);
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
