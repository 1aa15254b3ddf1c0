// An engine process for tests: speaks the messages of src/drawing/process/messages.ts, draws pixels that depend on the
// seed and size alone, and misbehaves when the prompt says so:
// Guide images and enlarged pictures are the picture they are made of.
//   "step 20"   each step takes 20 ms        "hang at 2"   sleeps for ever in step 2
//   "spin at 2" blocks the event loop there  "die at 2"    kills itself there         "error" reports a failure
//   "lose device" reports its device lost, the first time that a file can be removed: INKSTONE_TEST_DEVICE_FILE
// Its device opens unless INKSTONE_TEST_DEVICE_FILE holds why not; that name and its process are told in the note.
// With INKSTONE_TEST_ENGINE_TIMES it adds the milliseconds that each request took to that file.
import { appendFileSync, existsSync, readFileSync, rmSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

process.on("disconnect", () => process.exit(0));
process.on("error", () => process.exit(0)); // the parent went while something was being sent
const aborted = new Set();
process.on("message", (request) => {
  if (request.type === "abort") aborted.add(request.id);
  else if (request.type === "open") open(request);
  else if (request.type === "draw") void draw(request);
  else if (request.type === "load") load(request);
  else guide(request);
});

const number = (prompt, word) => Number(new RegExp(`${word} (\\d+)`).exec(prompt)?.[1] ?? Number.NaN);

const timesFile = process.env.INKSTONE_TEST_ENGINE_TIMES;
const deviceFile = process.env.INKSTONE_TEST_DEVICE_FILE;

function open({ id }) {
  const message = deviceFile && existsSync(deviceFile) ? readFileSync(deviceFile, "utf8") : "";
  if (message) return process.send({ type: "failed", id, error: { name: "DeviceError", message } });
  process.send({ type: "opened", id, note: `${JSON.parse(process.argv[2]).device} in ${process.pid}` });
  process.send({ type: "done", id });
}

function load({ id }) {
  process.send({ type: "loaded", id });
  process.send({ type: "done", id });
}

async function draw({ id, plan, previews }) {
  const begun = performance.now();
  const { prompt, width, height, steps, seed, count = 1 } = plan.drawing;
  process.send({ type: "loaded", id });
  process.send({ type: "stage", id, stage: "encode" });
  if (prompt.includes("error")) {
    process.send({ type: "failed", id, error: { name: "Error", message: "no such kernel" } });
    return;
  }
  if (prompt.includes("lose device") && existsSync(deviceFile)) {
    rmSync(deviceFile);
    process.send({ type: "failed", id, error: { name: "DeviceError", message: "webgpu failed: device lost" } });
    return;
  }
  for (let image = 0; image < count; image++) {
    process.send({ type: "stage", id, stage: "denoise" });
    for (let step = 1; step <= steps; step++) {
      if (step === number(prompt, "hang at")) await sleep(1e9);
      if (step === number(prompt, "spin at")) while (true);
      if (step === number(prompt, "die at")) process.kill(process.pid, "SIGKILL");
      await sleep(number(prompt, "step") || 1);
      if (aborted.has(id)) {
        process.send({ type: "aborted", id });
        return;
      }
      const preview = previews ? { width: 8, height: 8, pixels: paint(seed, 8, 8) } : undefined;
      process.send({ type: "step", id, image, step, steps, share: step / steps, preview });
    }
    process.send({ type: "stage", id, stage: "decode" });
    process.send({
      type: "image",
      id,
      index: image,
      findings: {},
      image: { width, height, seed: seed + BigInt(image), pixels: paint(seed + BigInt(image), width, height) },
    });
  }
  const took = performance.now() - begun;
  process.send({ type: "done", id });
  if (timesFile) appendFileSync(timesFile, `${took}\n`);
}

function guide({ id, picture }) {
  process.send({ type: "image", id, index: 0, image: picture, findings: {} });
  process.send({ type: "done", id });
}

function paint(seed, width, height) {
  const pixels = new Uint8Array(width * height * 3);
  let state = Number(seed & 0xffffffffn) | 1;
  for (let i = 0; i < pixels.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    pixels[i] = state >>> 24;
  }
  return pixels;
}
