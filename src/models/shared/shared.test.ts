import { existsSync } from "node:fs";
import { cp, mkdir, mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { NO_S3, type S3Server, startS3Server } from "../../../test/support/s3-server.ts";
import { type Bucket, openBucket } from "../../buckets/index.ts";
import { Pipeline } from "../../engine/index.ts";
import { listAdapters, listModels, type Model, type ModelLocations } from "../index.ts";
import { addAdapter, addModel } from "../install/index.ts";
import { openSharedModels, shareModel, unshareModel } from "./index.ts";

const CHECKPOINT = resolve("test/fixtures/plain/checkpoint");
const LORA = resolve("test/fixtures/lora/files/comfyui-down.safetensors");
const AIR = "me:shared@1";
/** So that the tiny checkpoint's weights count as large. */
const SMALL = 50_000;

describe.skipIf(NO_S3)("models in a bucket", () => {
  let s3: S3Server;
  let bucket: Bucket;
  let folder: string;
  /** A machine that has the model, and one that has nothing. */
  let here: ModelLocations;
  let there: ModelLocations;
  let model: Model;
  beforeAll(async () => {
    s3 = await startS3Server();
  });
  afterAll(() => s3?.remove());
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "inkstone-shared-"));
    here = { modelsDir: join(folder, "here"), bundledDir: join(folder, "none") };
    there = { modelsDir: join(folder, "there"), bundledDir: join(folder, "none") };
    await mkdir(there.modelsDir, { recursive: true });
    const prefix = `models-${Math.random()}`;
    bucket = await openBucket({ bucket: s3.bucket, prefix, endpoint: s3.endpoint, region: "us-east-1" });
    model = await addModel(CHECKPOINT, { air: AIR, name: "Shared" }, here);
    return () => rm(folder, { recursive: true, force: true });
  });

  const mirror = (cacheBytes?: number) =>
    openSharedModels({ bucket, modelsDir: there.modelsDir, smallBytes: SMALL, cacheBytes });
  const mirrored = async () => (await listModels(there)).find(({ card }) => card.air === AIR)!;
  const cached = async () => (await readdir(join(there.modelsDir, ".shared"))).length;
  const draw = async (checkpoint: string) => {
    const pipeline = await Pipeline.load(checkpoint);
    const [image] = await pipeline.generate({ prompt: "tea", width: 64, height: 64, steps: 2, seed: 7n });
    await pipeline.dispose();
    return image!.pixels;
  };

  test("another machine lists the model at once, downloads its weights on use, and generates the same", async () => {
    await shareModel(model, bucket);
    const shared = mirror();
    await shared.refresh();
    const found = await mirrored();
    expect(found.card).toMatchObject({ air: AIR, name: "Shared" });
    const weights = join(found.folder, "vae/diffusion_pytorch_model.safetensors");
    expect(existsSync(join(found.folder, "vae/config.json"))).toBe(true);
    expect(existsSync(weights)).toBe(false);

    const progress: number[] = [];
    await shared.bring(found.registration!, { onProgress: (done, total) => progress.push(done / total) });
    expect(progress.at(-1)).toBe(1);
    expect((await stat(weights)).size).toBe(
      (await stat(join(CHECKPOINT, "vae/diffusion_pytorch_model.safetensors"))).size,
    );
    expect(await draw(found.folder)).toEqual(await draw(CHECKPOINT));
  });

  test("objects in the bucket are not sent again; a LoRA works the same way", async () => {
    expect((await shareModel(model, bucket)).sent).toBeGreaterThan(1e6);
    expect((await shareModel(model, bucket)).sent).toBe(0);
    const lora = await addAdapter("lora", LORA, { air: "me:lora@1", name: "LoRA" }, here);
    await shareModel(lora, bucket);
    const shared = mirror();
    await shared.refresh();
    const [found] = await listAdapters(there);
    await shared.bring(found!.registration);
    expect((await stat(found!.path)).size).toBe((await stat(LORA)).size);
  });

  test("a removed model is deleted, with the files that no other model uses", async () => {
    const twin = await addModel(CHECKPOINT, { air: "me:twin@1", name: "Twin" }, here);
    await shareModel(model, bucket);
    await shareModel(twin, bucket);
    const shared = mirror();
    await shared.refresh();
    expect(await unshareModel("me+shared@1", bucket)).toBe(true);
    expect(await unshareModel("me+shared@1", bucket)).toBe(false);
    await shared.refresh();
    const [left] = await listModels(there);
    expect(left!.card.air).toBe("me:twin@1");
    await shared.bring(left!.registration!);
    await draw(left!.folder);
    await unshareModel("me+twin@1", bucket);
    for await (const object of bucket.list()) expect.unreachable(`${object.key} was left`);
  });

  test("the least recently used weights make room, and are downloaded again on use", async () => {
    await shareModel(model, bucket);
    const other = join(folder, "other");
    await cp(CHECKPOINT, other, { recursive: true });
    await writeFile(join(other, "transformer/notes.bin"), Buffer.alloc(SMALL + 1, 3));
    await shareModel(await addModel(other, { air: "me:other@1", name: "Other" }, here), bucket);
    const shared = mirror(1);
    await shared.refresh();
    const all = await listModels(there);
    const [first, second] = ["me:shared@1", "me:other@1"].map((air) => all.find(({ card }) => card.air === air)!);
    await shared.bring(second!.registration!);
    const both = await cached();
    await shared.bring(first!.registration!);
    expect(await cached()).toBe(both - 1);
    await shared.bring(second!.registration!);
    expect(await cached()).toBe(both);
  });

  test("a damaged object is refused by name and leaves nothing; a stop ends the download", async () => {
    const { manifest } = await shareModel(model, bucket);
    const file = manifest.files.find(({ bytes }) => bytes > SMALL)!;
    const shared = mirror();
    await shared.refresh();
    const found = await mirrored();
    await expect(shared.bring(found.registration!, { signal: AbortSignal.abort() })).rejects.toThrow(/abort/i);
    await bucket.put(`files/${file.sha256}`, Buffer.alloc(file.bytes));
    await expect(shared.bring(found.registration!)).rejects.toThrow(`${file.path} is damaged in the bucket`);
    expect(await readdir(join(there.modelsDir, ".shared"))).toEqual([]);
  });

  test("a local model has precedence over one in the bucket; paths outside the folder are refused", async () => {
    await shareModel(model, bucket);
    await addModel(CHECKPOINT, { air: AIR, name: "Mine" }, there);
    const shared = mirror();
    await shared.refresh();
    expect((await mirrored()).card.name).toBe("Mine");
    const files = [{ path: "../../escape", bytes: 1, sha256: "0".repeat(64) }];
    await bucket.put("models/bad.json", Buffer.from(JSON.stringify({ version: 1, name: "bad", files })));
    const later = await addModel(CHECKPOINT, { air: "me:z@1", name: "Later" }, here);
    await shareModel(later, bucket);
    await expect(shared.refresh()).rejects.toThrow(/models\/bad\.json: .*must be a path within the folder/s);
    expect((await listModels(there)).map(({ card }) => card.air)).toContain("me:z@1"); // one bad model hides no others
  });
});
