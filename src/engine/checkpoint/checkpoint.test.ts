import { cp, mkdir, mkdtemp, readdir, readFile, rename, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { CheckpointError } from "../../weights/index.ts";
import { Pipeline } from "../pipeline.ts";

let root: string;
let folder: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "inkstone checkpoint "));
});
afterAll(() => rm(root, { recursive: true }));
beforeEach(async () => {
  folder = join(root, "a copy");
  await rm(folder, { recursive: true, force: true });
  await cp("test/fixtures/plain/checkpoint", folder, { recursive: true });
});

const params = { prompt: "A red fox", width: 32, height: 32, steps: 1, seed: 1n };

async function draws(path: string): Promise<number> {
  const pipeline = await Pipeline.load(path);
  const [image] = await pipeline.generate(params);
  await pipeline.dispose();
  return image!.pixels.length;
}

async function editJson(file: string, change: (json: Record<string, unknown>) => void): Promise<void> {
  const path = join(folder, file);
  const json = JSON.parse(await readFile(path, "utf8"));
  change(json);
  await writeFile(path, JSON.stringify(json));
}

/** Renames a tensor in a safetensors header, keeping its length. */
async function renameTensor(file: string, from: string, to: string): Promise<void> {
  const bytes = await readFile(join(folder, file));
  const at = bytes.indexOf(`"${from}"`);
  expect(at).toBeGreaterThan(0);
  bytes.write(`"${to}"`, at);
  await writeFile(join(folder, file), bytes);
}

const refusal = async () => {
  const error = await Pipeline.load(folder).catch((e) => e);
  expect(error).toBeInstanceOf(CheckpointError);
  return (error as Error).message;
};

describe("layouts", () => {
  test("a folder with spaces in its name", async () => {
    expect(await draws(folder)).toBe(32 * 32 * 3);
  });

  test("a hub cache: files are links into a folder of blobs", async () => {
    const blobs = join(root, "models--x", "blobs");
    const snapshot = join(root, "models--x", "snapshots", "main");
    await mkdir(blobs, { recursive: true });
    for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
      if (!entry.isFile()) continue;
      const path = join(entry.parentPath, entry.name);
      const blob = join(blobs, path.slice(folder.length + 1).replaceAll("/", "-"));
      const link = join(snapshot, path.slice(folder.length + 1));
      await rename(path, blob);
      await mkdir(join(link, ".."), { recursive: true });
      await symlink(blob, link);
    }
    expect(await draws(snapshot)).toBe(32 * 32 * 3);
  });
});

describe("one clear error names", () => {
  test("a missing folder", async () => {
    folder = join(root, "nowhere");
    expect(await refusal()).toMatch(/nowhere.model_index\.json is missing/);
  });

  test("another pipeline", async () => {
    await editJson("model_index.json", (json) => {
      json._class_name = "FluxPipeline";
    });
    expect(await refusal()).toMatch(/FluxPipeline is not a Qwen-Image pipeline/);
    await editJson("model_index.json", (json) => {
      json._class_name = "QwenImageLayeredPipeline";
    });
    expect(await refusal()).toMatch(/Qwen-Image-Layered.*this version supports Qwen-Image, 2512, Edit/);
  });

  test("a scheduler of another class: the class in the index counts, as in diffusers, then that of its config", async () => {
    await editJson("scheduler/scheduler_config.json", (json) => {
      json._class_name = "FlowMatchHeunDiscreteScheduler";
    });
    expect(await draws(folder)).toBeGreaterThan(0);
    await editJson("model_index.json", (json) => {
      delete json.scheduler;
    });
    expect(await refusal()).toMatch(/the scheduler is FlowMatchHeunDiscreteScheduler; allowed is FlowMatchEulerDiscr/);
    await editJson("model_index.json", (json) => {
      json.scheduler = ["diffusers", "UniPCMultistepScheduler"];
    });
    expect(await refusal()).toMatch(/the scheduler is UniPCMultistepScheduler/);
  });

  test("a missing weights file", async () => {
    await rm(join(folder, "transformer/diffusion_pytorch_model.safetensors"));
    expect(await refusal()).toMatch(/transformer.diffusion_pytorch_model\.safetensors is missing/);
  });

  test.each([
    ["in_channels", 32, /transformer in_channels is 32, expected 64/],
    ["out_channels", 8, /transformer out_channels is 8, expected 16/],
    ["joint_attention_dim", 8, /transformer joint_attention_dim is 8, expected \d+/],
    ["axes_dims_rope", [2, 2, 2], /sum of transformer axes_dims_rope is 6, expected \d+/],
  ])("%s that does not fit the other components", async (key, value, message) => {
    await editJson("transformer/config.json", (json) => {
      json[key] = value;
    });
    expect(await refusal()).toMatch(message);
  });

  test("a missing tensor", async () => {
    await renameTensor("transformer/diffusion_pytorch_model.safetensors", "proj_out.bias", "proj_out.bixs");
    expect(await refusal()).toMatch(/tensor "proj_out\.bias" is missing/);
  });

  test("a tensor with another shape than in the config", async () => {
    await editJson("vae/config.json", (json) => {
      json.base_dim = (json.base_dim as number) * 2;
    });
    expect(await refusal()).toMatch(/vae: tensor ".*" has shape \[.*\], the config needs \[/);
  });

  test("an unknown config key", async () => {
    await editJson("transformer/config.json", (json) => {
      json.use_magic = true;
    });
    expect(await refusal()).toMatch(/transformer.config\.json: Unrecognized key: "use_magic"/);
  });

  test("a feature of a sibling model that is switched on", async () => {
    await editJson("transformer/config.json", (json) => {
      json.use_layer3d_rope = true;
    });
    expect(await refusal()).toMatch(/use_layer3d_rope/);
  });

  test("sizes of two components that do not fit", async () => {
    await editJson("transformer/config.json", (json) => {
      json.joint_attention_dim = 7;
    });
    expect(await refusal()).toMatch(/joint_attention_dim is 7, expected \d+/);
  });

  test("a broken config", async () => {
    await writeFile(join(folder, "scheduler/scheduler_config.json"), "{");
    expect(await refusal()).toMatch(/scheduler_config\.json .*JSON/);
  });

  test("a missing tokenizer", async () => {
    await rm(join(folder, "tokenizer/vocab.json"));
    expect(await refusal()).toMatch(/tokenizer has neither vocab\.json nor tokenizer\.json/);
  });
});
