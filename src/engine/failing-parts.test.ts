import { cp, mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { RgbImage } from "../pictures/index.ts";
import { Pipeline } from "./pipeline.ts";

/** Names of the graphs whose sessions are open, and those that are to fail. */
const sessions = vi.hoisted(() => ({ open: [] as string[], notRunning: "", notReleasing: "" }));
vi.mock("../onnx/session.ts", async (original) => {
  const real = await original<typeof import("../onnx/session.ts")>();
  const createSession: typeof real.createSession = async (graph, options) => {
    const session = await real.createSession(graph, options);
    sessions.open.push(graph.name);
    return {
      async run(feeds) {
        if (sessions.notRunning === graph.name) throw new Error(`no run of the ${graph.name}`);
        return session.run(feeds);
      },
      async release() {
        await session.release();
        sessions.open.splice(sessions.open.indexOf(graph.name), 1);
        if (sessions.notReleasing === graph.name) throw new Error(`no release of the ${graph.name}`);
      },
    };
  };
  return { ...real, createSession };
});

const image: RgbImage = { width: 32, height: 32, pixels: new Uint8Array(32 * 32 * 3).fill(90) };
const params = { prompt: "A red fox", width: 32, height: 32, steps: 1, seed: 1n };

let folder: string;
let vae: string;
beforeEach(async () => {
  Object.assign(sessions, { open: [], notRunning: "", notReleasing: "" });
  folder = await mkdtemp(join(tmpdir(), "inkstone-parts-"));
  vae = join(folder, "vae/diffusion_pytorch_model.safetensors");
  await cp("test/fixtures/plain/checkpoint", folder, { recursive: true });
});
afterEach(() => rm(folder, { recursive: true }));

test.each(["proj_out.bias", "norm_out.linear.bias"])("a load without %s frees the opened parts", async (name) => {
  const path = join(folder, "transformer/diffusion_pytorch_model.safetensors");
  const bytes = await readFile(path);
  bytes.write("x", bytes.indexOf(`"${name}"`) + 1);
  await writeFile(path, bytes);
  await expect(Pipeline.load(folder)).rejects.toThrow(`tensor "${name}" is missing`);
  expect(sessions.open).toEqual([]);
});

test("the next image that needs a failed VAE encoder loads it again", async () => {
  const pipeline = await Pipeline.load(folder);
  await rename(vae, `${vae}.away`);
  await expect(pipeline.generate({ ...params, image })).rejects.toThrow("refused the VAE encoder graph");
  await rename(`${vae}.away`, vae);
  await expect(pipeline.generate({ ...params, image })).resolves.toHaveLength(1);
  await pipeline.dispose();
  expect(sessions.open).toEqual([]);
});

test("a pipeline without its VAE encoder is disposed of completely", async () => {
  const pipeline = await Pipeline.load(folder);
  await rm(vae);
  await expect(pipeline.generate({ ...params, image })).rejects.toThrow("refused the VAE encoder graph");
  await pipeline.dispose();
  expect(sessions.open).toEqual([]);
});

test.each(["text encoder", "VAE decoder", "transformer"])(
  "a %s that fails to free does not keep the others",
  async (name) => {
    const pipeline = await Pipeline.load(folder);
    const [stuck] = sessions.open.filter((graph) => graph.startsWith(name));
    sessions.notReleasing = stuck!;
    await expect(pipeline.dispose()).rejects.toThrow(`no release of the ${stuck}`);
    expect(sessions.open).toEqual([]);
  },
);

test("a failed preview is tried again", async () => {
  const pipeline = await Pipeline.load(folder);
  const previews: string[] = [];
  await pipeline.generate(
    { ...params, steps: 2 },
    {
      async onStep({ step, preview }) {
        sessions.notRunning = step === 1 ? "VAE decoder" : "";
        previews.push(
          await preview().then(
            ({ width }) => `${width} wide`,
            ({ message }) => message,
          ),
        );
      },
    },
  );
  expect(previews).toEqual(["no run of the VAE decoder", "4 wide"]);
  await pipeline.dispose();
});
