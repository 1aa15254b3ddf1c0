import { mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type StandInHub, startHub } from "../../../test/stand-ins/hub.ts";
import { openRepository, type RepositoryOptions } from "./repository.ts";

const WEIGHTS = "weights.safetensors";
const SECOND = "words.txt";
const enough = new Error("enough");
const weights = Buffer.alloc(9000, "weights ");

let folder: string;
let hub: StandInHub;
let rests: number[];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "inkstone-hub-"));
  hub = await startHub({ [WEIGHTS]: weights, [SECOND]: Buffer.from("words") });
  rests = [];
});
afterEach(async () => {
  hub.close();
  await rm(folder, { recursive: true });
});

/** Fetches the weights, or so many of the first files. */
async function pull(options: RepositoryOptions = {}, count = 1): Promise<void> {
  const rest = async (ms: number) => void rests.push(ms);
  const repository = await openRepository("me/model", { hubUrl: hub.url, rest, ...options });
  for (const file of repository.files.slice(0, count)) await repository.fetch(file, folder);
}
const here = () => readFile(join(folder, WEIGHTS));

test("continues after a broken connection, as long as bytes arrive", async () => {
  hub.cuts = 7;
  await pull();
  expect(hub.asked).toEqual([0, 1000, 2000, 3000, 4000, 5000, 6000, 7000].map((from) => `${WEIGHTS} ${from}`));
  expect(rests).toEqual(Array(7).fill(1000));
  expect(Buffer.compare(await here(), weights)).toBe(0);
});

test("waits longer after each attempt without bytes, and starts again from the shortest pause after some", async () => {
  hub.refusals = [429, 503, 429, 500];
  await pull();
  expect(rests).toEqual([1000, 2000, 4000, 8000]);
  await rm(join(folder, WEIGHTS));
  hub.refusals = [429, 429, 429];
  hub.cuts = 1;
  rests = [];
  await pull();
  expect(rests).toEqual([1000, 2000, 4000, 1000]);
});

test("gives up after five failed attempts with the reason, and continues there the next time", async () => {
  hub.cuts = 1;
  const rest = async (ms: number) => {
    rests.push(ms);
    hub.refusals = [429];
  };
  await expect(pull({ rest })).rejects.toThrow(`${WEIGHTS} cannot be downloaded: Api error with status 429`);
  expect(rests).toEqual([1000, 2000, 4000, 8000]);
  expect((await stat(join(folder, `${WEIGHTS}.part`))).size).toBe(1000);
  hub.refusals = [];
  await pull();
  expect(hub.asked.at(-1)).toBe(`${WEIGHTS} 1000`);
  expect(Buffer.compare(await here(), weights)).toBe(0);
});

test("a refusal of the hub is not requested again", async () => {
  hub.gated = true;
  await expect(pull()).rejects.toThrow(`${WEIGHTS} cannot be downloaded: Api error with status 403`);
  expect(rests).toEqual([]);
});

test("can be stopped during a pause", async () => {
  const stop = new AbortController();
  hub.refusals = [429];
  const rest = async () => stop.abort(enough);
  await expect(pull({ rest, signal: stop.signal })).rejects.toBe(enough);
  await expect(here()).rejects.toThrow();
});

test("can be stopped during the check of local files", async () => {
  await pull({}, 2);
  const stop = new AbortController();
  const told: string[] = [];
  const onProgress = ({ path }: { path: string }) => {
    told.push(path);
    stop.abort(enough);
  };
  await expect(pull({ onProgress, signal: stop.signal }, 2)).rejects.toBe(enough);
  expect(told).toEqual([WEIGHTS]);
});

test("listing downloads nothing", async () => {
  const { files } = await openRepository("me/model", { hubUrl: hub.url });
  expect(files.map(({ path, size }) => [path, size])).toEqual([
    [WEIGHTS, 9000],
    [SECOND, 5],
  ]);
  expect(hub.asked).toEqual([]);
});
